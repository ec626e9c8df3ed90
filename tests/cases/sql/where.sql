-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-where.html
SELECT * FROM 'test/topic' WHERE temperature > 50 AND color <> 'red';
{"color":"red","temperature":40};
no action;

-- a missing field is Undefined: no action
SELECT * FROM 'test/topic' WHERE temperature > 50;
{"color":"red"};
no action;

-- texts that are numbers compare as numbers
SELECT a FROM 'test/topic' WHERE a > 10;
{"a":"22"};
{"a":"22"};

-- texts never compare by letters
SELECT a FROM 'test/topic' WHERE a > 'apple';
{"a":"banana"};
no action;

-- = does not convert
SELECT a FROM 'test/topic' WHERE a = 22;
{"a":"22"};
no action;

-- 3 = 3.0, true is not 1
SELECT a = 3.0 AS b, c = 1 AS d FROM 'test/topic';
{"a":3,"c":true};
{"b":true,"d":false};

-- <> is true for different types, Undefined for what is missing
SELECT a <> 'x' AS one, missing <> 'x' AS two, n <> NULL AS three, a <> NULL AS four FROM 'test/topic';
{"a":1,"n":null};
{"one":true,"three":false,"four":true};

-- arrays and objects compare by content
SELECT a = b AS same, o = p AS alike FROM 'test/topic';
{"a":[1,2.0],"b":[1.0,2],"o":{"x":1,"y":2},"p":{"y":2,"x":1}};
{"same":true,"alike":true};

-- true OR Undefined is true: what published rules count on
SELECT * FROM 'test/topic' WHERE (isUndefined(n) = true OR n > 0);
{};
{};

-- AND binds tighter than OR, NOT tighter than AND
SELECT a OR b AND c AS one, NOT a AND b AS two, NOT a = b AS three FROM 'test/topic';
{"a":true,"b":false,"c":false};
{"one":true,"two":false,"three":true};

-- the words true and false convert
SELECT a AND TRUE AS one, NOT b AS two FROM 'test/topic';
{"a":"TRUE","b":"false"};
{"one":true,"two":true};

-- false AND Undefined is false; the rest with Undefined is Undefined
SELECT false AND x AS one, true AND x AS two, false OR x AS three, NOT x AS four FROM 'test/topic';
{};
{"one":false};

-- WHERE takes the text true
SELECT a FROM 'test/topic' WHERE flag;
{"a":1,"flag":"true"};
{"a":1};

-- IN
SELECT a IN [1, 2] AS one, a IN b AS two, a IN c AS three FROM 'test/topic';
{"a":2.0,"b":["2"],"c":"2"};
{"one":true,"two":false};

-- CASE in SELECT and WHERE; its subject may be a comparison
SELECT CASE state.reported.sound > 10 WHEN true THEN true ELSE false END AS state.desired.roomOccupancy FROM 'test/topic' WHERE state.reported.sound <> Null;
{"state":{"reported":{"sound":14}}};
{"state":{"desired":{"roomOccupancy":true}}};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-case.html
SELECT CASE color WHEN 'green' THEN 'go' WHEN 'red' THEN 'stop' ELSE 'wait' END AS one, CASE color WHEN 'green' THEN 1 END AS two, CASE missing WHEN 1 THEN 1 ELSE 2 END AS three FROM 'test/topic';
{"color":"red"};
{"one":"stop"};

-- without the reading the comparison is Undefined: no action
SELECT CASE state.reported.sound > 10 WHEN true THEN true ELSE false END AS state.desired.roomOccupancy FROM 'test/topic' WHERE state.reported.sound <> Null;
{"state":{"reported":{}}};
no action;
