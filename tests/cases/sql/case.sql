-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-case.html
SELECT CASE color WHEN 'green' THEN 'go' WHEN 'yellow' THEN 'caution' WHEN 'red' THEN 'stop' ELSE 'you are not at a stop light' END AS r FROM 'test/topic';
{"color":"yellow"};
{"r":"caution"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-case.html
SELECT CASE color WHEN 'green' THEN 'go' WHEN 'yellow' THEN 'caution' WHEN 'red' THEN 'stop' ELSE 'you are not at a stop light' END AS r FROM 'test/topic';
{"color":"blue"};
{"r":"you are not at a stop light"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-case.html
-- Undefined in CASE is Undefined, whatever ELSE says
SELECT CASE color WHEN 'green' THEN 'go' WHEN 'yellow' THEN 'caution' WHEN 'red' THEN 'stop' ELSE 'you are not at a stop light' END AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-case.html
-- no ELSE
SELECT CASE color WHEN 'green' THEN 'go' END AS r FROM 'test/topic';
{"color":"red"};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-case.html
SELECT CASE a > 10 WHEN TRUE THEN 'high' ELSE 'low' END AS r FROM 'test/topic';
{"a":11};
{"r":"high"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-case.html
-- a comparison with what is Undefined
SELECT CASE a > 10 WHEN TRUE THEN 'high' ELSE 'low' END AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-case.html
-- one in another
SELECT CASE isUndefined(a) WHEN true THEN 0 ELSE CASE a WHEN 1 THEN 'one' ELSE 'more' END END AS r FROM 'test/topic';
{"a":2};
{"r":"more"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-case.html
SELECT CASE NULL WHEN NULL THEN 1 END AS r FROM 'test/topic';
{};
{"r":1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-case.html
SELECT CASE a WHEN 1.0 THEN 'one' END AS r FROM 'test/topic';
{"a":1};
{"r":"one"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-case.html
SELECT CASE a WHEN 1 THEN missing ELSE 2 END AS r FROM 'test/topic';
{"a":1};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-case.html
SELECT CASE a WHEN 1 THEN NULL END AS r FROM 'test/topic';
{"a":1};
{"r":null};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-case.html
SELECT CASE a + 1 WHEN b * 2 THEN [a, b] END AS r FROM 'test/topic';
{"a":3,"b":2};
{"r":[3,2]};

-- a rule of the AWS lab for a smart thermostat
SELECT CASE state.reported.sound > 10 WHEN true THEN true ELSE false END AS state.desired.roomOccupancy FROM 'test/topic' WHERE state.reported.sound <> Null;
{"state":{"reported":{"sound":14}}};
{"state":{"desired":{"roomOccupancy":true}}};

-- the same, with nothing to say
SELECT CASE state.reported.sound > 10 WHEN true THEN true ELSE false END AS state.desired.roomOccupancy FROM 'test/topic' WHERE state.reported.sound <> Null;
{"state":{"reported":{}}};
no action;

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-case.html
-- CASE without WHEN
SELECT CASE a ELSE 1 END AS r FROM 'x';
{};
error:
    CASE needs at least one WHEN
    SELECT CASE a ELSE 1 END AS r FROM 'x'
                  ^^^^;

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-case.html
-- CASE without END
SELECT CASE a WHEN 1 THEN 2 AS r FROM 'x';
{};
error:
    END expected
    SELECT CASE a WHEN 1 THEN 2 AS r FROM 'x'
                                ^^;
