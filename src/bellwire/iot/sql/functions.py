"""The functions of IoT SQL, in tables. Wrong arguments give Undefined, as on AWS.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html
"""

from __future__ import annotations

from bellwire.iot.sql.data_functions import DATA_FUNCTIONS
from bellwire.iot.sql.message_functions import MESSAGE_FUNCTIONS
from bellwire.iot.sql.numeric_functions import NUMERIC_FUNCTIONS
from bellwire.iot.sql.regular_expressions import EXPRESSION_FUNCTIONS
from bellwire.iot.sql.signature import ExternalFunction, Function
from bellwire.iot.sql.text_functions import TEXT_FUNCTIONS


FUNCTIONS: dict[str, Function] = {
    **DATA_FUNCTIONS,
    **EXPRESSION_FUNCTIONS,
    **NUMERIC_FUNCTIONS,
    **TEXT_FUNCTIONS,
}
"""Those that depend on their arguments only, by name in lower case."""

EXTERNAL_FUNCTIONS: dict[str, ExternalFunction] = {
    "aws_lambda": ExternalFunction("a function", 2, 2, needs_2016=False),
    "get_dynamodb": ExternalFunction("Amazon DynamoDB", 4, 6),
    "get_registry_data": ExternalFunction("the registry of AWS IoT", 3, 3),
    "get_secret": ExternalFunction("AWS Secrets Manager", 3, 4),
    "get_thing_shadow": ExternalFunction("the Device Shadow service", 2, 3),
    "machinelearning_predict": ExternalFunction("Amazon Machine Learning", 3, 3, needs_2016=False),
}
"""Those that ask a service: refused when a rule is loaded, but where the node answers them."""

COMPILED_FUNCTIONS = ("cast", "sql_version")
"""Those that are part of the language: the compiler knows them."""

NAMES = frozenset(
    (*FUNCTIONS, *MESSAGE_FUNCTIONS, *EXTERNAL_FUNCTIONS, *COMPILED_FUNCTIONS),
)
"""Every function of AWS."""
