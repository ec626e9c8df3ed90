-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT 'single' AS r FROM 'test/topic';
{};
{"r":"single"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT "double" AS r FROM 'test/topic';
{};
{"r":"double"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT 'it''s' AS r FROM 'test/topic';
{};
{"r":"it's"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT TRUE AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT false AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT NULL AS r FROM 'test/topic';
{};
{"r":null};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT 5 AS r FROM 'test/topic';
{};
{"r":5};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT 2.5 AS r FROM 'test/topic';
{};
{"r":2.5};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT .5 AS r FROM 'test/topic';
{};
{"r":0.5};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT 1e3 AS r FROM 'test/topic';
{};
{"r":1000};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT -5 AS r FROM 'test/topic';
{};
{"r":-5};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT [] AS r FROM 'test/topic';
{};
{"r":[]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT {} AS r FROM 'test/topic';
{};
{"r":{}};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT [1, 'a', TRUE, NULL] AS r FROM 'test/topic';
{};
{"r":[1,"a",true,null]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT {'a': 1, b: [2, {'c': 3}]} AS r FROM 'test/topic';
{};
{"r":{"a":1,"b":[2,{"c":3}]}};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT [1, missing, 3] AS r FROM 'test/topic';
{};
{"r":[1,3]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT {'a': missing, 'b': 1} AS r FROM 'test/topic';
{};
{"r":{"b":1}};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT {'a': 1,} AS r FROM 'test/topic';
{};
{"r":{"a":1}};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT [1,] AS r FROM 'test/topic';
{};
{"r":[1]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT {'latitude': get(lat_long, 0),'longitude':get(lat_long, 1)} as lat_long FROM 'topic/subtopic';
{"lat_long":[47.606,-122.332]};
{"lat_long":{"latitude":47.606,"longitude":-122.332}};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT [lat, long] AS lat_long, {'message': *} AS whole FROM 'topic/subtopic';
{"lat":1,"long":2};
{"lat_long":[1,2],"whole":{"message":{"lat":1,"long":2}}};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT VALUE [1,2,3] FROM 'topic/subtopic';
{};
[1,2,3];

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-nested-queries.html
-- a name for the element
SELECT (SELECT VALUE x.v FROM e AS x WHERE x.n = 'light') AS r FROM 'my/topic';
{"e":[{"n":"temperature","v":22.5},{"n":"light","v":135}]};
{"r":[135]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-nested-queries.html
-- a query in a query sees both elements
SELECT (SELECT VALUE (SELECT VALUE o.k + i FROM o.list AS i) FROM outer AS o) AS r FROM 't';
{"outer":[{"k":1,"list":[1,2]},{"k":10,"list":[3]}]};
{"r":[[2,3],[13]]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-nested-queries.html
-- over scalars, * is the element
SELECT (SELECT VALUE * FROM a WHERE * > 1) AS r FROM 't';
{"a":[1,2,3]};
{"r":[2,3]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-nested-queries.html
-- what is Undefined is left out
SELECT (SELECT VALUE n FROM a) AS r FROM 't';
{"a":[{"n":1},{},{"n":3}]};
{"r":[1,3]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-nested-queries.html
-- over what is no array: Undefined
SELECT (SELECT VALUE n FROM missing) AS r, (SELECT VALUE n FROM s) AS s FROM 't';
{"s":"x"};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-nested-queries.html
-- none found: an empty array
SELECT (SELECT * FROM a WHERE n > 9) AS r FROM 't';
{"a":[{"n":1}]};
{"r":[]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-nested-queries.html
-- an object is one element
SELECT get((SELECT VALUE data FROM state.reported), 0) AS data FROM 't';
{"state":{"reported":{"data":5}}};
{"data":5};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-nested-queries.html
-- a function of what a query gives
SELECT isNull(SELECT VALUE n FROM a) AS r FROM 't';
{"a":[]};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-nested-queries.html
-- in WHERE
SELECT * FROM 't' WHERE get((SELECT VALUE v FROM e WHERE n = 'light'), 0) > 100;
{"e":[{"n":"temperature","v":22.5},{"n":"light","v":135}]};
{"e":[{"n":"temperature","v":22.5},{"n":"light","v":135}]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-nested-queries.html
-- SELECT with aliases
SELECT (SELECT n AS name, v * 2 AS double FROM e) AS r FROM 'my/topic';
{"e":[{"n":"temperature","v":22.5},{"n":"light","v":135}]};
{"r":[{"name":"temperature","double":45},{"name":"light","double":270}]};
