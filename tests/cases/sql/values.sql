-- version: 2015-10-08
-- github.com/aws-iot-builder-tools/validation-tool-for-aws-iot-rules
SELECT temperature, humidity, cast(light as double) as newLight FROM 'test/test4';
{"temperature":23.07,"humidity":49.9397,"light":5.0};
{"temperature":23.07,"humidity":49.9397,"newLight":5.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT a, a * 2 AS b, sqrt(9) AS c, a + ' degrees' AS d, cast(true AS decimal) AS e, i AS f, i * 2 AS g FROM 'test/topic';
{"a":10.0,"i":10};
{"a":10.0,"b":20.0,"c":3.0,"d":"10.0 degrees","e":1.0,"f":10,"g":20};

-- version: 2016-03-23
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT a, a * 2 AS b, sqrt(9) AS c, a + ' degrees' AS d, cast(true AS decimal) AS e, i AS f, i * 2 AS g FROM 'test/topic';
{"a":10.0,"i":10};
{"a":10,"b":20,"c":3,"d":"10 degrees","e":1,"f":10,"g":20};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
-- what is handed on whole stays as it came
SELECT * FROM 'test/topic';
{"a":10.0,"o":{"x":5.0}};
{"a":10.0,"o":{"x":5.0}};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
-- 34 digits
SELECT a, a + 1 AS b FROM 'test/topic';
{"a":1234567890123456789012345678901234};
{"a":1234567890123456789012345678901234,"b":1234567890123456789012345678901235};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
-- 34 digits after the point
SELECT a, a + a AS b FROM 'test/topic';
{"a":0.1234567890123456789012345678901234};
{"a":0.1234567890123456789012345678901234,"b":0.2469135780246913578024691357802468};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
-- more than 64 bits, untouched by SELECT *
SELECT * FROM 'test/topic';
{"a":18446744073709551617,"b":-9223372036854775809};
{"a":18446744073709551617,"b":-9223372036854775809};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
-- large Ints compare exactly
SELECT a = 9007199254740993 AS same, a > 9007199254740992 AS more FROM 'test/topic';
{"a":9007199254740993};
{"same":true,"more":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
-- beyond a double
SELECT a, a / 10 AS b, a < 1E500 AS c FROM 'test/topic';
{"a":1E400};
{"a":1E+400,"b":1E+399,"c":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
-- beyond 9.999E999 no number, and so no JSON for a rule
SELECT a, topic() AS t FROM 'test/topic';
{"a":1E1000};
{"t":"test/topic"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
-- results are bounded too
SELECT 9E999 * 10 AS a, 1E-999 / 1E50 AS b, 1 AS c FROM 'test/topic';
{};
{"b":0,"c":1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
-- NaN is no JSON
SELECT a, topic() AS t FROM 'test/topic';
{"a":NaN};
{"t":"test/topic"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
-- of two members of one name the last counts
SELECT a FROM 'test/topic';
{"a":1,"a":2};
{"a":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT '1' * 1 AS r FROM 'test/topic';
{};
{"r":1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT '-1.5' * 2 AS r FROM 'test/topic';
{};
{"r":-3};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT '5E-1' * 2 AS r FROM 'test/topic';
{};
{"r":1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT '1e2' * 1 AS r FROM 'test/topic';
{};
{"r":100};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT '+1' * 1 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT '.5' * 1 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT '1.' * 1 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT '1E+3' * 1 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT ' 1 ' * 1 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT '' * 1 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT true * 1 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT [1] * 1 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT NULL * 1 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT {'a': 1} * 1 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT missing * 1 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT 'x' + 1 AS r FROM 'test/topic';
{};
{"r":"x1"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT 1 + 'x' AS r FROM 'test/topic';
{};
{"r":"1x"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT 'x' + true AS r FROM 'test/topic';
{};
{"r":"xtrue"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT 'x' + [1, 'a'] AS r FROM 'test/topic';
{};
{"r":"x[1,\"a\"]"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT 'x' + {'a': 'b'} AS r FROM 'test/topic';
{};
{"r":"x{\"a\":\"b\"}"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT 'x' + NULL AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT 'x' + missing AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT true + 1 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT 1 + 2.5 AS r FROM 'test/topic';
{};
{"r":3.5};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT - '5' AS r FROM 'test/topic';
{};
{"r":-5};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT - true AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html#iot-sql-conversions
SELECT - missing AS r FROM 'test/topic';
{};
{};
