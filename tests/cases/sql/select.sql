-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-select.html
SELECT * FROM 'test/topic';
{"color":"red","temperature":50};
{"color":"red","temperature":50};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-select.html
SELECT *, 15 as speed FROM 'test/topic';
{"color":"red","temperature":50};
{"color":"red","temperature":50,"speed":15};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-select.html
SELECT VALUE color FROM 'test/topic';
{"color":"red","temperature":50};
"red";

-- a later item overrides an earlier one of the same name
SELECT 'mine' AS color, * FROM 'test/topic';
{"color":"red"};
{"color":"red"};

-- and the other way round
SELECT *, 'mine' AS color FROM 'test/topic';
{"color":"red"};
{"color":"mine"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html
SELECT (temperature - 32) * 5 / 9 AS celsius, upper(color) as my_color FROM 'test/topic';
{"color":"red","temperature":50};
{"celsius":10,"my_color":"RED"};

-- what the bundled application uses
-- topic: devices/thermostat-1/parameters
SELECT topic(2) AS device_id, * AS payload FROM 'devices/+/parameters';
{"value":{"temperature":21.5}};
{"device_id":"thermostat-1","payload":{"value":{"temperature":21.5}}};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-lambda-rule.html
-- topic: device/32/data
SELECT topic(2) as device_id, temperature as reported_temperature, 30 as max_temperature FROM 'device/+/data';
{"temperature":38};
{"device_id":"32","reported_temperature":38,"max_temperature":30};

-- what is not there is left out; null is kept
SELECT foo, bar, baz.qux FROM 'test/topic';
{"foo":null,"baz":3};
{"foo":null};

-- a path without an alias takes its last name
SELECT state.reported.temperature FROM 'test/topic';
{"state":{"reported":{"temperature":21}}};
{"temperature":21};

-- dotted aliases nest and merge
SELECT state.debug AS state.debug, state.command AS state.command, version FROM 'test/topic' WHERE IsUndefined(state.debug) = False OR IsUndefined(state.command) = False;
{"state":{"command":"DOOR_OPEN","debug":"FALSE"},"version":"3.1"};
{"state":{"debug":"FALSE","command":"DOOR_OPEN"},"version":"3.1"};

-- a dotted alias adds to an object that an earlier item made
SELECT * AS payload, topic() AS payload.topic FROM 'a/b';
{"x":1};
{"payload":{"x":1,"topic":"test/topic"}};

-- a comma before FROM is taken, as on AWS
SELECT a, b, FROM 'test/topic';
{"a":1,"b":2};
{"a":1,"b":2};

-- what the Serverless Framework makes of a block scalar
SELECT *FROM 'test/topic';
{"a":1};
{"a":1};

-- keywords are names where nothing else fits
SELECT v as value, timestamp, state.on FROM 'test/topic';
{"v":1,"timestamp":2,"state":{"on":true}};
{"value":1,"timestamp":2,"on":true};

-- literals of objects and arrays; what is Undefined has no member
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-literals.html
SELECT {'latitude': get(lat_long, 0), 'longitude': get(lat_long, 1), 'none': nothing,} AS position, [a, 2] AS list FROM 'test/topic';
{"lat_long":[47.606,-122.332],"a":1};
{"position":{"latitude":47.606,"longitude":-122.332},"list":[1,2]};

-- numbers go through as they came, big ones too
SELECT a, b, c FROM 'test/topic';
{"a":9007199254740993,"b":-0.001,"c":1e300};
{"a":9007199254740993,"b":-0.001,"c":1e300};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-basic-ingest.html
SELECT a;
{"a":1,"b":2};
{"a":1};
