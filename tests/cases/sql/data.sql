-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get
SELECT get(["a", "b", "c"], 1) AS r FROM 'test/topic';
{};
{"r":"b"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get
SELECT get({"a":"b"}, "a") AS r FROM 'test/topic';
{};
{"r":"b"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get
SELECT get("abc", 1) AS r FROM 'test/topic';
{};
{"r":"b"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get
SELECT get([1, 2], '1') AS r FROM 'test/topic';
{};
{"r":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get
SELECT get([1, 2], -1) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get
SELECT get([1, 2], 2) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get
SELECT get([1, 2], 'x') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get
SELECT get('abc', 3) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get
SELECT get({'1': 2}, 1) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get
SELECT get({'a': 1}, 'b') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get
SELECT get(NULL, 0) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get
SELECT get(5, 0) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get
SELECT get([10, 20], 1.9) AS r FROM 'test/topic';
{};
{"r":20};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-json.html
-- names that are no identifiers
SELECT get(*, 'my-key') AS a, get(get(*, 'two words'), 0) AS b, get(*, '14204:1.0') AS c FROM 'test/topic';
{"my-key":1,"two words":[2],"14204:1.0":3};
{"a":1,"b":2,"c":3};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-json.html
SELECT * FROM 'iot/rules' WHERE get(get(get(mydata, 'item2'), '0'), 'my-key') = 'myValue';
{"mydata":{"item1":0,"item2":{"0":{"my-key":"myValue"}}}};
{"mydata":{"item1":0,"item2":{"0":{"my-key":"myValue"}}}};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get-or-default
SELECT get_or_default(missing, 7) AS r FROM 'test/topic';
{};
{"r":7};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get-or-default
SELECT get_or_default(NULL, 7) AS r FROM 'test/topic';
{};
{"r":7};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get-or-default
SELECT get_or_default(3, 7) AS r FROM 'test/topic';
{};
{"r":3};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get-or-default
SELECT get_or_default(sqrt(-1), 'none') AS r FROM 'test/topic';
{};
{"r":"none"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get-or-default
SELECT get_or_default(false, true) AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-isNull
SELECT isNull(5) AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-isNull
SELECT isNull(Null) AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-isNull
SELECT isNull(missing) AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-isNull
SELECT isNull('') AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-isNull
SELECT isNull([]) AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-isUndefined
SELECT isUndefined(5) AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-isUndefined
SELECT isUndefined(floor([1,2,3])) AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-isUndefined
SELECT isUndefined(NULL) AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-isUndefined
SELECT isUndefined(missing.deeper) AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-encode-payload
SELECT encode('hi', 'base64') AS r FROM 'test/topic';
{};
{"r":"aGk="};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-encode-payload
SELECT encode(5, 'base64') AS r FROM 'test/topic';
{};
{"r":"NQ=="};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-encode-payload
SELECT encode({'a': 1}, 'base64') AS r FROM 'test/topic';
{};
{"r":"eyJhIjoxfQ=="};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-encode-payload
SELECT encode(NULL, 'base64') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-encode-payload
SELECT encode(missing, 'base64') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-decode-base64
SELECT decode('aGk=', 'base64') AS r FROM 'test/topic';
{};
{"r":"hi"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-decode-base64
SELECT decode('eyJhIjp7ImIiOjF9fQ==', 'base64').a.b AS r FROM 'test/topic';
{};
{"r":1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-decode-base64
SELECT decode('WzEsMl0=', 'base64') AS r FROM 'test/topic';
{};
{"r":[1,2]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-decode-base64
SELECT decode('NQ==', 'base64') + 1 AS r FROM 'test/topic';
{};
{"r":6};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-decode-base64
SELECT decode('!', 'base64') AS r FROM 'test/topic';
{};
{"r":null};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-decode-base64
SELECT decode('/w==', 'base64') AS r FROM 'test/topic';
{};
{"r":null};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-decode-base64
SELECT decode(NULL, 'base64') AS r FROM 'test/topic';
{};
{};

-- Protobuf needs a file in S3: refused by name
SELECT decode(a, 'proto', 'b', 'k', 'f.proto', 'M') AS r FROM 'x';
{};
error:
    decode(): the scheme 'proto' needs an AWS service: the description of the message lies in S3 (here it is refused; made from a message it would be Undefined)
    SELECT decode(a, 'proto', 'b', 'k', 'f.proto', 'M') AS r FROM 'x'
                     ^^^^^^^;

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-transform
SELECT VALUE transform('enrichArray', attributes, values) FROM 'A/B';
{"attributes":{"data1":1,"data2":2},"values":[{"a":1},{"a":2},{"a":3}]};
[{"a":1,"data1":1,"data2":2},{"a":2,"data1":1,"data2":2},{"a":3,"data1":1,"data2":2}];

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-transform
SELECT VALUE transform('enrichArray', {'key': attributes.data1}, values) FROM 'A/B';
{"attributes":{"data1":1,"data2":2},"values":[{"a":1},{"a":2},{"a":3}]};
[{"a":1,"key":1},{"a":2,"key":1},{"a":3,"key":1}];

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-transform
SELECT VALUE transform('enrichArray', (SELECT a, b FROM data2), (SELECT VALUE c FROM data2)) FROM 'A/B';
{"data1":null,"data2":{"a":"x","b":"y","c":[{"k":1},{"k":2}]}};
[{"k":1,"a":"x","b":"y"},{"k":2,"a":"x","b":"y"}];

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-transform
-- anything but an object and an array of objects is Undefined
SELECT transform('enrichArray', 1, values) AS a, transform('enrichArray', attributes, [1]) AS b, transform(attributes, attributes, values) AS c, 1 AS one FROM 'A/B';
{"attributes":{"data1":1,"data2":2},"values":[{"a":1},{"a":2},{"a":3}]};
{"one":1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast(true as Decimal) AS r FROM 'test/topic';
{};
{"r":1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast(true as int) AS r FROM 'test/topic';
{};
{"r":1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast(false as decimal) AS r FROM 'test/topic';
{};
{"r":0};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast('5E-12' as decimal) AS r FROM 'test/topic';
{};
{"r":5E-12};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast('-1.2' as decimal) AS r FROM 'test/topic';
{};
{"r":-1.2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast('+1' as decimal) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast(' 1' as decimal) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast('' as decimal) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast([1] as decimal) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast({} as int) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast(NULL as int) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast(NULL as boolean) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast(missing as string) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast(2.9 as integer) AS r FROM 'test/topic';
{};
{"r":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast('2.9' as Int) AS r FROM 'test/topic';
{};
{"r":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast('-2.9' as Int) AS r FROM 'test/topic';
{};
{"r":-2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast(0 as bool) AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast(2.5 as bool) AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast('TRUE' as boolean) AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast('yes' as boolean) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast('0' as boolean) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast(5 as string) AS r FROM 'test/topic';
{};
{"r":"5"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast(2.5 as Nvarchar) AS r FROM 'test/topic';
{};
{"r":"2.5"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast(true as Text) AS r FROM 'test/topic';
{};
{"r":"true"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast([1, 'a', true, NULL] as varchar) AS r FROM 'test/topic';
{};
{"r":"[1,\"a\",true,null]"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast({'a': 1} as ntext) AS r FROM 'test/topic';
{};
{"r":"{\"a\":1}"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-cast
SELECT cast('x' as String) AS r FROM 'test/topic';
{};
{"r":"x"};

-- a type that does not exist
SELECT cast(a AS blob) AS r FROM 'x';
{};
error:
    there is no type blob (types are String, Int, Decimal, Double, Boolean)
    SELECT cast(a AS blob) AS r FROM 'x'
           ^^^^;
