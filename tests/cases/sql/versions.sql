-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-asin
SELECT asin(0) AS r FROM 'test/topic';
{};
{"r":0.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-atan
SELECT atan(0) AS r FROM 'test/topic';
{};
{"r":0.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-log
SELECT log(100) AS r FROM 'test/topic';
{};
{"r":2.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-power
SELECT power(2, 5) AS r FROM 'test/topic';
{};
{"r":32.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-sqrt
SELECT sqrt(9) AS r FROM 'test/topic';
{};
{"r":3.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-sin
SELECT sin(0) AS r FROM 'test/topic';
{};
{"r":0.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-cos
SELECT cos(0) AS r FROM 'test/topic';
{};
{"r":1.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast(true as Decimal) AS r FROM 'test/topic';
{};
{"r":1.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast(false as double) AS r FROM 'test/topic';
{};
{"r":0.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-abs
SELECT abs(-5.0) AS r FROM 'test/topic';
{};
{"r":5.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-abs
SELECT abs(-5) AS r FROM 'test/topic';
{};
{"r":5};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-round
SELECT round(2.5) AS r FROM 'test/topic';
{};
{"r":3};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-floor
SELECT floor(2.0) AS r FROM 'test/topic';
{};
{"r":2};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-ceil
SELECT ceil(2.0) AS r FROM 'test/topic';
{};
{"r":2};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-sign
SELECT sign(-2.0) AS r FROM 'test/topic';
{};
{"r":-1};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-trunc
SELECT trunc(2.00, 5) AS r FROM 'test/topic';
{};
{"r":2};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-mod
SELECT mod(7.0, 2) AS r FROM 'test/topic';
{};
{"r":1.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-mod
SELECT mod(7, 2) AS r FROM 'test/topic';
{};
{"r":1};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-bitand
SELECT bitand(13.0, 5) AS r FROM 'test/topic';
{};
{"r":5};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT a AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":10.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT o.a AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":5.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT a + 1 AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":11.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT a - 4 AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":6.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT a * 2 AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":20.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT a / 4 AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":2.5};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT 6 / 2 AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":3};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT - a AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":-10.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT '5.0' + 1 AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":"5.01"};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT '5.0' * 1 AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":5.0};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT a + '' AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":"10.0"};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT a = 10 AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":true};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT a IN list AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":true};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT a > 9 AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":true};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT get(list, 0) AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":10.0};

-- version: 2016-03-23
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT a AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":10};

-- version: 2016-03-23
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT o.a AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":5};

-- version: 2016-03-23
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT a + 1 AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":11};

-- version: 2016-03-23
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT a - 4 AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":6};

-- version: 2016-03-23
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT a * 2 AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":20};

-- version: 2016-03-23
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT '5.0' * 1 AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":5};

-- version: 2016-03-23
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT a + '' AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":"10"};

-- version: 2016-03-23
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT get(list, 0) AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":10};

-- version: 2016-03-23
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT list[0] AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":10};

-- version: 2016-03-23
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT o AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":{"a":5.0}};

-- version: 2016-03-23
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT - a AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":-10};

-- version: 2016-03-23
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT 1.5 + 1.5 AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":3};

-- version: 2016-03-23
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
SELECT 5.0 AS r FROM 'test/topic';
{"a":10.0,"o":{"a":5.0},"list":[10.0]};
{"r":5};

-- version: beta
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-rule-sql-version.html
-- beta is the newest
SELECT sql_version() AS v, cast(5.0 AS double) AS a FROM 'test/topic';
{};
{"v":"beta","a":5};
