-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-nested-queries.html
SELECT (SELECT VALUE n FROM e) AS sensors FROM 'my/topic';
{"e":[{"n":"temperature","v":22.5},{"n":"light","v":135}]};
{"sensors":["temperature","light"]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-nested-queries.html
SELECT (SELECT v FROM e WHERE n = 'temperature') AS temperature FROM 'my/topic';
{"e":[{"n":"temperature","v":22.5},{"n":"light","v":135}]};
{"temperature":[{"v":22.5}]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-nested-queries.html
SELECT get((SELECT v FROM e WHERE n = 'temperature'), 0).v AS temperature FROM 'my/topic';
{"e":[{"n":"temperature","v":22.5},{"n":"light","v":135}]};
{"temperature":22.5};

-- github.com/aws-iot-builder-tools/validation-tool-for-aws-iot-rules
SELECT (SELECT * FROM Pos WHERE L1 <> isNull(SELECT VALUE L1 FROM Pos)) AS required_array FROM 'test/topic';
{"Pos":[{"L1":36.9039996,"S":5},{"L1":36.9,"S":6},{"S":7}]};
{"required_array":[{"L1":36.9039996,"S":5},{"L1":36.9,"S":6}]};

-- over an object, and over the whole message, a query gives an array of one
SELECT get((SELECT *, topic() as topic FROM *), 0) AS data FROM 'test/topic';
{"foo":"bar"};
{"data":{"foo":"bar","topic":"test/topic"}};

-- the whole message as a value
SELECT VALUE *.messages FROM 'test/topic';
{"messages":[{"message":"a"},{"message":"b"}]};
[{"message":"a"},{"message":"b"}];

-- EXISTS
SELECT EXISTS (SELECT * FROM arr WHERE a = 3) AS yes, exists(SELECT * FROM arr WHERE a = 4) AS no FROM 'test/topic';
{"arr":[{"a":3}]};
{"yes":true,"no":false};
