-- topic: a/b/c
-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-function-topic
SELECT topic() AS all, topic(1) AS first, topic(3) AS third, topic(4) AS none, topic('2') AS second FROM 'a/#';
{};
{"all":"a/b/c","first":"a","third":"c","second":"b"};

-- the time of arrival in milliseconds; the client is not known over NATS
SELECT timestamp() AS at, clientid() AS client, TimeStamp() AS again FROM 'test/topic';
{};
{"at":1732370400123,"client":"n/a","again":1732370400123};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-encode-payload
SELECT encode(*, 'base64') AS raw, encode(a, 'base64') AS text FROM 'test/topic';
{ "a": "hi" };
{"raw":"eyAiYSI6ICJoaSIgfQ==","text":"aGk="};

-- bytes that are no JSON can be encoded
SELECT encode(*, 'base64') AS data, topic() AS topic FROM 'test/topic';
bytes: ff00fe;
{"data":"/wD+","topic":"test/topic"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-where.html
SELECT decode(encode(*, 'base64'), 'base64') AS value FROM 'test/topic' WHERE decode(encode(*, 'base64'), 'base64') > 50;
80;
{"value":80};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-get
SELECT get(a, 0) AS one, get(o, 'my-key') AS two, get('abc', 1) AS three, get(a, 9) AS four, get(o, 1) AS five, a[1] AS six FROM 'test/topic';
{"a":[1,2],"o":{"my-key":3}};
{"one":1,"two":3,"three":"b","six":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-isnull
SELECT isNull(n) AS a, isNull(missing) AS b, isUndefined(n) AS c, isUndefined(missing) AS d, isundefined(n.x) AS e FROM 'test/topic';
{"n":null};
{"a":true,"b":false,"c":false,"d":true,"e":true};

-- rounding; ties go away from zero
SELECT round(1.5) AS a, round(-1.5) AS b, floor(-1.2) AS c, ceil(-1.2) AS d, trunc(2.888, 2) AS e, trunc(2.00, 5) AS f, abs('-5.123') AS g, sign(-7) AS h FROM 'test/topic';
{};
{"a":2,"b":-2,"c":-2,"d":-1,"e":2.88,"f":2,"g":5.123,"h":-1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html
SELECT power(2, 5) AS a, sqrt(9) AS b, sqrt(-1) AS c, mod(8, 3) AS d, atan2(1, 0) AS e, bitand(13, 5) AS f, bitor(8, 5) AS g FROM 'test/topic';
{};
{"a":32,"b":3,"d":2,"e":1.5707963267948966,"f":5,"g":13};

-- texts
SELECT upper('aB') AS a, lower('aB') AS b, trim('  x ') AS c, lpad('hello', 2) AS d, rpad(1, 2) AS e, length(false) AS f, numbytes('€') AS g, indexof('abcd', 'cd') AS h FROM 'test/topic';
{};
{"a":"AB","b":"ab","c":"x","d":"  hello","e":"1  ","f":5,"g":3,"h":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-substring
SELECT substring('012345', 0) AS a, substring('012345', 2, 4) AS b, substring('012345', 2.745) AS c, substring(true, 1.2) AS d, substring('a', 5) AS e, replace('a-b-a', 'a', 'x') AS f FROM 'test/topic';
{};
{"a":"012345","b":"23","c":"2345","d":"rue","e":"","f":"x-b-x"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-substring: NULL is no Int
SELECT substring('abc', NULL) AS a, substring('abc', 1, NULL) AS b, substring(false, -2.411E247) AS c FROM 'test/topic';
{};
{"c":"false"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-function-concat
SELECT concat(1, 'hello') AS a, concat([1, 2, 3], 'hello', [4]) AS b, concat('he', 'is', 'man') AS c, concat('x', missing) AS d, concat(1, 2) AS e, startswith('ranger', 'ran') AS f, endswith(1, 'x') AS g FROM 'test/topic';
{};
{"a":"1hello","b":[1,2,3,"hello",4],"c":"heisman","f":true,"g":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-md5
SELECT md5('hello') AS hash, nanvl(missing, 8) AS a, nanvl(7, 8) AS b, chr(65) AS c FROM 'test/topic';
{};
{"hash":"5d41402abc4b2a76b9719d911017c592","a":8,"b":7,"c":"A"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-cast
SELECT cast(light as double) AS a, cast('2.9' as int) AS b, cast(-2.1 as int) AS c, cast(true as decimal) AS d, cast(0 as bool) AS e, cast(5 as string) AS f, cast('x' as int) AS g, cast(null as string) AS h FROM 'test/topic';
{"light":5.0};
{"a":5,"b":2,"c":-3,"d":1,"e":false,"f":"5"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-decode-base64
SELECT decode(encoded_temp, "base64").temperature AS temp, decode('_', 'base64') AS none FROM 'test/topic';
{"encoded_temp":"eyAidGVtcGVyYXR1cmUiOiAzMyB9Cg=="};
{"temp":33,"none":null};

-- topic: 123/ACT_123/slider/req
-- github.com/aws-iot-builder-tools/validation-tool-for-aws-iot-rules
SELECT *, topic(1) as deviceId, topic(2) as actuatorId, topic(3) as cmd FROM '+/+/+/req';
{"values":[50,100]};
{"values":[50,100],"deviceId":"123","actuatorId":"ACT_123","cmd":"slider"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-md5
SELECT temp, md5(deviceid) AS hashed_id FROM 'topic/#';
{"deviceid":"iot123","temp":54.98};
{"temp":54.98,"hashed_id":"e37f81fb397e595c4aeb5645b8cbbbd1"};
