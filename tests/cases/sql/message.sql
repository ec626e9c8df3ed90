-- topic: things/myThings/thingOne
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-function-topic
SELECT topic() AS a, topic(1) AS b, topic(0) AS c, topic(4) AS d, topic(2.9) AS e, topic('3') AS f, topic(NULL) AS g FROM 'things/#';
{};
{"a":"things/myThings/thingOne","b":"things","e":"myThings","f":"thingOne"};

-- topic: $aws/rules/BuildingManager/Buildings/Building5/Floor2/Room201/Lights
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-function-topic
-- Basic Ingest: what names the rule is not part of the topic
SELECT topic() AS all, topic(3) AS floor FROM 'Buildings/#';
{};
{"all":"Buildings/Building5/Floor2/Room201/Lights","floor":"Floor2"};

-- client: thermostat-1
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-clientid
SELECT clientid() AS c, clientId() AS d FROM 'test/topic';
{};
{"c":"thermostat-1","d":"thermostat-1"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-clientid
-- not over MQTT, or the broker does not tell
SELECT clientid() AS c FROM 'test/topic';
{};
{"c":"n/a"};

-- principal: ba67293af50bf2506f5f93469686da660c7c844e7b3950bfb16813e0d31e9373
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-principal
SELECT *, principal() AS principal FROM 'topic/subtopic';
{"a":1};
{"a":1,"principal":"ba67293af50bf2506f5f93469686da660c7c844e7b3950bfb16813e0d31e9373"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-principal
-- nobody knows: Undefined
SELECT principal() AS p, sourceip() AS i, traceid() AS t FROM 'test/topic';
{};
{};

-- trace: 12345678-1234-1234-1234-123456789012
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-traceid
SELECT traceid() AS t FROM 'test/topic';
{};
{"t":"12345678-1234-1234-1234-123456789012"};

-- ip: 192.158.1.38
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-sourceip
SELECT sourceip() AS ip FROM 'test/topic';
{};
{"ip":"192.158.1.38"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-accountid
SELECT accountid() AS a FROM 'test/topic';
{};
{"a":"123456789012"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-newuuid
-- the tests throw the same dice each time
SELECT newuuid() AS id, length(newuuid()) AS l FROM 'test/topic';
{};
{"id":"80000000-0000-4000-8000-000000000000","l":36};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-sql-version
SELECT sql_version() AS v FROM 'test/topic';
{};
{"v":"2016-03-23"};

-- version: 2015-10-08
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-sql-version
SELECT sql_version() AS v FROM 'test/topic';
{};
{"v":"2015-10-08"};

-- content type: application/json
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get-mqtt-property
SELECT get_mqtt_property('content_type') AS c, get_mqtt_property('response_topic') AS r, get_mqtt_property('other') AS o FROM 'test/topic';
{};
{"c":"application/json"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get-mqtt-property
-- no MQTT 5: Undefined
SELECT get_mqtt_property('content_type') AS c, get_mqtt_property('correlation_data') AS d, get_mqtt_property('format_indicator') AS f FROM 'test/topic';
{};
{};

-- user property: deviceName=alpha
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get-user-properties
SELECT get_user_properties('deviceName') AS n, get_user_properties() AS all, get_user_properties('other') AS o FROM 'test/topic';
{};
{"n":["alpha"],"all":[{"deviceName":"alpha"}]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get-user-properties
-- no MQTT 5: Undefined
SELECT get_user_properties() AS p FROM 'test/topic';
{};
{};
