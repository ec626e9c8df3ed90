"""The names that the framework gives to what it makes of `functions`, and our ids of APIs."""

from __future__ import annotations

import hashlib
import re


WEBSOCKETS_API = "WebsocketsApi"
WEBSOCKETS_STAGE = "WebsocketsDeploymentStage"
WEBSOCKETS_DEPLOYMENT = "WebsocketsDeployment"
HTTP_API = "HttpApi"
REST_API = "ApiGatewayRestApi"
"""The logical ids that do not depend on the functions. (A deployment's ends in a hash.)"""

RULE_TYPE = "AWS::IoT::TopicRule"

FUNCTION_ARN = re.compile(r"arn:[\w-]+:lambda:[\w-]*:\d*:function:(?P<name>[\w-]+)(:[\w$-]+)?")
"""The ARN of a function; a version or an alias may stand behind its name."""

_ROUTE_KEY = str.maketrans({"$": "S", "/": "Slash", "-": "Dash", "_": "Underscore", ".": "Period"})
_ID_DIGITS = "abcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH = 10


def camel_case(name: str) -> str:
    """Return a field's name as serverless.yml has it: `idle_timeout_s` is `idleTimeoutS`."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def normalized_name(function: str) -> str:
    """Return a function's name as the framework puts it into logical ids: `a-b` is `ADashb`."""
    name = function.replace("-", "Dash").replace("_", "Underscore")
    return name[:1].upper() + name[1:]


def function_logical_id(function: str) -> str:
    """Return the logical id of a function."""
    return f"{normalized_name(function)}LambdaFunction"


def layer_logical_id(layer: str) -> str:
    """Return the logical id of a layer that stands at the top of the file."""
    return f"{normalized_name(layer)}LambdaLayer"


def rule_logical_id(function: str, number: int) -> str:
    """Return the logical id of a function's `number`th rule, its name too if it has no other."""
    return f"{normalized_name(function)}IotTopicRule{number}"


def route_logical_id(route_key: str) -> str:
    """Return the logical id of a route: `$connect` has `SconnectWebsocketsRoute`."""
    return f"{route_key.translate(_ROUTE_KEY)}WebsocketsRoute"


def route_response_logical_id(route_key: str) -> str:
    """Return the logical id of a route's response."""
    return f"{route_logical_id(route_key)}Response"


def integration_logical_id(function: str) -> str:
    """Return the logical id of the integration that a function's routes share."""
    return f"{normalized_name(function)}WebsocketsIntegration"


def authorizer_logical_id(name: str) -> str:
    """Return the logical id of an authorizer."""
    return f"{normalized_name(name)}WebsocketsAuthorizer"


def make_api_id(*names: str) -> str:
    """Return ten lower-case letters and digits for an API, always the same for the same names.

    The names are the service's and, but for the API of its functions, the API's logical id.
    """
    number = int.from_bytes(hashlib.sha256("/".join(names).encode()).digest())
    digits: list[str] = []
    for _ in range(_ID_LENGTH):
        number, digit = divmod(number, len(_ID_DIGITS))
        digits.append(_ID_DIGITS[digit])
    return "".join(digits)
