-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT TRUE AND TRUE AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT TRUE AND FALSE AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT TRUE AND missing AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT FALSE AND TRUE AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT FALSE AND FALSE AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT FALSE AND missing AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT missing AND TRUE AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT missing AND FALSE AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT missing AND missing AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT TRUE OR TRUE AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT TRUE OR FALSE AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT TRUE OR missing AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT FALSE OR TRUE AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT FALSE OR FALSE AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT FALSE OR missing AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT missing OR TRUE AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT missing OR FALSE AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT missing OR missing AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 'TRUE' AND 'true' AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 'false' OR 'False' AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 1 AND TRUE AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 'x' OR FALSE AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT NULL AND TRUE AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT NOT TRUE AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT NOT 'false' AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT NOT 1 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT NOT NULL AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT NOT missing AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT NOT NOT TRUE AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 2 > 1 AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT '22' > 10 AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 'b' > 'a' AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT true > false AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT NULL > 1 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT missing > 1 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT [2] > 1 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 1.0 >= 1 AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT '1' <= '1.0' AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 2 < 1.5 AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 3 = 3.0 AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT '22' = 22 AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT TRUE = 'true' AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 'a' = 'a' AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 'a' = 'A' AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT [1, 2] = [1, 2] AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT [1, 2] = [2, 1] AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT [1] = [1.0] AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT {'a': 1, 'b': 2} = {'b': 2, 'a': 1} AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT {'a': 1} = {'a': 2} AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT NULL = NULL AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT NULL = missing AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT missing = missing AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT NULL = 0 AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT TRUE = 1 AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 1 <> 2 AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT NULL <> NULL AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 1 <> 'a' AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 1 <> NULL AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT missing <> NULL AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 'a' != 'b' AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 3 IN [1, 2, 3] AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 4 IN [1, 2, 3] AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 'a' IN ['a'] AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 1 IN 1 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT missing IN [1] AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT [1] IN [[1], [2]] AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT NULL IN [NULL] AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 1 IN missing AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT NOT (1 IN [2]) AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 7 / 2 AS r FROM 'test/topic';
{};
{"r":3.5};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 6 / 2 AS r FROM 'test/topic';
{};
{"r":3};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 7 % 2 AS r FROM 'test/topic';
{};
{"r":1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT -7 % 2 AS r FROM 'test/topic';
{};
{"r":-1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 1 / 0 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 1 % 0 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 'x' - 1 AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 5 - '2' AS r FROM 'test/topic';
{};
{"r":3};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 2 * 2.5 AS r FROM 'test/topic';
{};
{"r":5};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 10 - 2 - 3 AS r FROM 'test/topic';
{};
{"r":5};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT 2 + 3 * 4 AS r FROM 'test/topic';
{};
{"r":14};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT -2 * -3 AS r FROM 'test/topic';
{};
{"r":6};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
-- EXISTS
SELECT * FROM 'a' WHERE EXISTS (SELECT * FROM arr AS a WHERE a = 3);
{"arr":[1,2,3]};
{"arr":[1,2,3]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
-- EXISTS finds nothing
SELECT * FROM 'a' WHERE EXISTS (SELECT * FROM arr AS a WHERE a = 4);
{"arr":[1,2,3]};
no action;

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
-- EXISTS over what is no array
SELECT EXISTS (SELECT * FROM missing) AS r FROM 'a';
{};
{};
