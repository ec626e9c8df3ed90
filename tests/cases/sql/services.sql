-- answer get_thing_shadow: {"state":{"reported":{"alarm":"ON"}}}
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get-thing-shadow
SELECT * FROM 'a/b' WHERE get_thing_shadow('MyThing', 'arn:aws:iam::123456789012:role/r') .state.reported.alarm = 'ON';
{"a":1};
{"a":1};

-- answer get_thing_shadow: {"state":{"reported":{"alarm":"OFF"}}}
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get-thing-shadow
SELECT * FROM 'a/b' WHERE get_thing_shadow('MyThing', 'named', 'arn:aws:iam::123456789012:role/r').state.reported.alarm = 'ON';
{"a":1};
no action;

-- answer aws_lambda: {"some":{"value":4.0}}
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-aws-lambda
SELECT aws_lambda('arn:aws:lambda:us-east-1:123456789012:function:f', {'payload': attribute1}) AS output, aws_lambda('f', *).some.value AS value FROM 'a/b';
{"attribute1":21};
{"output":{"some":{"value":4.0}},"value":4};

-- answer aws_lambda: {"a":1}
-- what is Undefined is not asked about
SELECT aws_lambda('f', missing) AS r, 1 AS one FROM 'a/b';
{};
{"one":1};

-- answer get_dynamodb: {"location":"roof"}
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get-dynamodb
SELECT *, get_dynamodb('InServiceDevices', 'deviceId', id, 'arn:aws:iam::123456789012:role/r').location AS location FROM 'some/topic';
{"id":"d1"};
{"id":"d1","location":"roof"};

-- get_thing_shadow is refused by name when the rule is loaded, where nobody answers it
SELECT get_thing_shadow('t', 'arn:aws:iam::123456789012:role/r') AS r FROM 'x';
{};
unsupported: the function get_thing_shadow() is not supported: it needs the Device Shadow service;

-- aws_lambda is refused by name when the rule is loaded, where nobody answers it
SELECT aws_lambda('f', *) AS r FROM 'x';
{};
unsupported: the function aws_lambda() is not supported: it needs a function;

-- get_dynamodb is refused by name when the rule is loaded, where nobody answers it
SELECT get_dynamodb('t', 'k', 'v', 'arn:aws:iam::123456789012:role/r') AS r FROM 'x';
{};
unsupported: the function get_dynamodb() is not supported: it needs Amazon DynamoDB;

-- get_secret is refused by name when the rule is loaded, where nobody answers it
SELECT get_secret('s', 'SecretString', 'arn:aws:iam::123456789012:role/r') AS r FROM 'x';
{};
unsupported: the function get_secret() is not supported: it needs AWS Secrets Manager;

-- get_registry_data is refused by name when the rule is loaded, where nobody answers it
SELECT get_registry_data('DescribeThing', 't', 'arn:aws:iam::123456789012:role/r') AS r FROM 'x';
{};
unsupported: the function get_registry_data() is not supported: it needs the registry of AWS IoT;

-- machinelearning_predict is refused by name when the rule is loaded, where nobody answers it
SELECT machinelearning_predict('m', 'arn:aws:iam::123456789012:role/r', *) AS r FROM 'x';
{};
unsupported: the function machinelearning_predict() is not supported: it needs Amazon Machine Learning;

-- answer get_dynamodb: {}
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get-dynamodb
SELECT get_dynamodb('t', 'k', a, 'r').a AS a, get_dynamodb('t', 'k', b, 'r').b AS b FROM 'x';
{};
error:
    get_dynamodb() may be called once in a statement: AWS ends the rule at the second (SET @item = get_dynamodb(…), and use @item)
    SELECT get_dynamodb('t', 'k', a, 'r').a AS a, get_dynamodb('t', 'k', b, 'r').b AS b FROM 'x'
                                                  ^^^^^^^^^^^^;
