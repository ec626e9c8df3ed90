-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 1 + 2 AS a, 1 + 2.5 AS b, '1' + 1 AS c, 'x' + true AS d, 1 + NULL AS e, 'x' + missing AS f FROM 'test/topic';
{};
{"a":3,"b":3.5,"c":"11","d":"xtrue"};

-- decimals are exact
SELECT a + b AS sum, a * 3 AS product, 1 / 3 AS third FROM 'test/topic';
{"a":0.1,"b":0.2};
{"sum":0.3,"product":0.3,"third":0.3333333333333333333333333333333333};

-- whole results are Ints
SELECT 10 / 4 AS a, 10 / 5 AS b, '2' * '3' AS c, 7 % 3 AS d, -7 % 3 AS e FROM 'test/topic';
{};
{"a":2.5,"b":2,"c":6,"d":1,"e":-1};

-- by zero there is no result
SELECT 1 / 0 AS a, 1 % 0 AS b, 5 AS c FROM 'test/topic';
{};
{"c":5};

-- left to right, and by precedence
SELECT 10 - 3 - 2 AS a, 2 + 3 * 4 AS b, (2 + 3) * 4 AS c, -2 - -3 AS d, 8 / 2 / 2 AS e FROM 'test/topic';
{};
{"a":5,"b":14,"c":20,"d":1,"e":2};

-- only texts of a number's form convert
SELECT '+1' * 1 AS a, '.5' * 1 AS b, ' 1' * 1 AS c, '1E3' * 1 AS d, '-1.5' * 1 AS e FROM 'test/topic';
{};
{"d":1000,"e":-1.5};

-- more than 64 bits: still a number
SELECT a * a AS square FROM 'test/topic';
{"a":9007199254740993};
{"square":81129638414606699710187514626049};

-- a literal beyond 64 bits
SELECT 99999999999999999999 AS big FROM 'test/topic';
{};
{"big":99999999999999999999};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-cast
SELECT temperature, humidity, cast(light as double) as newLight FROM 'test/test4';
{"temperature":23.07,"humidity":49.9397,"light":5.0};
{"temperature":23.07,"humidity":49.9397,"newLight":5};

-- a text is cut off, a number rounded down, and none is too large
SELECT cast('-2.9' AS int) AS a, cast(-2.9 AS int) AS b, cast(true AS int) AS c, cast('1E20' AS int) AS d, round(1e20) AS e FROM 'test/topic';
{};
{"a":-2,"b":-3,"c":1,"d":100000000000000000000,"e":100000000000000000000};
