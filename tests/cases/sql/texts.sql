-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-chr
SELECT chr(65) AS r FROM 'test/topic';
{};
{"r":"A"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-chr
SELECT chr(49) AS r FROM 'test/topic';
{};
{"r":"1"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-chr
SELECT chr(65.9) AS r FROM 'test/topic';
{};
{"r":"A"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-chr
SELECT chr('66') AS r FROM 'test/topic';
{};
{"r":"B"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-chr
SELECT chr(300) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-chr
SELECT chr(-1) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-chr
SELECT chr(true) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-concat
SELECT concat(1) AS r FROM 'test/topic';
{};
{"r":1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-concat
SELECT concat([1, 2, 3], 4) AS r FROM 'test/topic';
{};
{"r":[1,2,3,4]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-concat
SELECT concat([1, 2, 3], "hello") AS r FROM 'test/topic';
{};
{"r":[1,2,3,"hello"]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-concat
SELECT concat("con", "cat") AS r FROM 'test/topic';
{};
{"r":"concat"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-concat
SELECT concat(1, "hello") AS r FROM 'test/topic';
{};
{"r":"1hello"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-concat
SELECT concat("he","is","man") AS r FROM 'test/topic';
{};
{"r":"heisman"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-concat
SELECT concat([1, 2, 3], "hello", [4, 5, 6]) AS r FROM 'test/topic';
{};
{"r":[1,2,3,"hello",4,5,6]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-concat
SELECT concat('a', true, 1.5) AS r FROM 'test/topic';
{};
{"r":"atrue1.5"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-concat
SELECT concat('a', NULL) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-endswith
SELECT endswith("cat","at") AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-endswith
SELECT endswith(true, 'ue') AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-endswith
SELECT endswith('cat', NULL) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-endswith
SELECT endswith(missing, 'x') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-endswith
SELECT endswith('cat', 'AT') AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-indexof
SELECT indexof("abcd", "bc") AS r FROM 'test/topic';
{};
{"r":1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-indexof
SELECT indexof('abcd', 'x') AS r FROM 'test/topic';
{};
{"r":-1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-indexof
SELECT indexof(12345, 34) AS r FROM 'test/topic';
{};
{"r":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-indexof
SELECT indexof(NULL, 'a') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-length
SELECT length("hi") AS r FROM 'test/topic';
{};
{"r":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-length
SELECT length(false) AS r FROM 'test/topic';
{};
{"r":5};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-length
SELECT length('€') AS r FROM 'test/topic';
{};
{"r":1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-length
SELECT length(NULL) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-length
SELECT length(missing) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-numbytes
SELECT numbytes("hi") AS r FROM 'test/topic';
{};
{"r":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-numbytes
SELECT numbytes("€") AS r FROM 'test/topic';
{};
{"r":3};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-numbytes
SELECT numbytes(NULL) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-lower
SELECT lower("HELLO") AS r FROM 'test/topic';
{};
{"r":"hello"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-lower
SELECT lower(["HELLO"]) AS r FROM 'test/topic';
{};
{"r":"[\"hello\"]"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-lower
SELECT lower(NULL) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-lower
SELECT lower(missing) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-upper
SELECT upper("hello") AS r FROM 'test/topic';
{};
{"r":"HELLO"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-upper
SELECT upper(["hello"]) AS r FROM 'test/topic';
{};
{"r":"[\"HELLO\"]"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-upper
SELECT upper({'a': true}) AS r FROM 'test/topic';
{};
{"r":"{\"A\":TRUE}"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-upper
SELECT upper(true) AS r FROM 'test/topic';
{};
{"r":"TRUE"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-upper
SELECT upper(NULL) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-lpad
SELECT lpad("hello", 2) AS r FROM 'test/topic';
{};
{"r":"  hello"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-lpad
SELECT lpad(1, 3) AS r FROM 'test/topic';
{};
{"r":"   1"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-lpad
SELECT lpad('a', 1.9) AS r FROM 'test/topic';
{};
{"r":" a"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-lpad
SELECT lpad('a', '2') AS r FROM 'test/topic';
{};
{"r":"  a"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-lpad
SELECT lpad('a', -5) AS r FROM 'test/topic';
{};
{"r":"a"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-lpad
SELECT lpad('a', true) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-lpad
SELECT lpad(NULL, 2) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-lpad
SELECT length(lpad('', 5000)) AS r FROM 'test/topic';
{};
{"r":1000};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-rpad
SELECT rpad("hello", 2) AS r FROM 'test/topic';
{};
{"r":"hello  "};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-rpad
SELECT rpad(1, 3) AS r FROM 'test/topic';
{};
{"r":"1   "};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-rpad
SELECT rpad('a', 'x') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-ltrim
SELECT Ltrim(" h i ") AS r FROM 'test/topic';
{};
{"r":"h i "};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-ltrim
SELECT ltrim(1) AS r FROM 'test/topic';
{};
{"r":"1"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-ltrim
SELECT ltrim(NULL) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-rtrim
SELECT rtrim(" h i ") AS r FROM 'test/topic';
{};
{"r":" h i"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-rtrim
SELECT rtrim(true) AS r FROM 'test/topic';
{};
{"r":"true"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-rtrim
SELECT rtrim(missing) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-trim
SELECT Trim(" hi ") AS r FROM 'test/topic';
{};
{"r":"hi"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-trim
SELECT trim([1, 2]) AS r FROM 'test/topic';
{};
{"r":"[1,2]"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-trim
SELECT trim(NULL) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-replace
SELECT replace("abcd", "bc", "x") AS r FROM 'test/topic';
{};
{"r":"axd"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-replace
SELECT replace("abcdabcd", "b", "x") AS r FROM 'test/topic';
{};
{"r":"axcdaxcd"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-replace
SELECT replace(12321, 2, 0) AS r FROM 'test/topic';
{};
{"r":"10301"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-replace
SELECT replace('abc', '', 'x') AS r FROM 'test/topic';
{};
{"r":"abc"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-replace
SELECT replace('abc', NULL, 'x') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-replace
SELECT replace('abc', 'b', missing) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-startswith
SELECT startswith("ranger","ran") AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-startswith
SELECT startswith('ranger', 'x') AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-startswith
SELECT startswith(123, 12) AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-startswith
SELECT startswith(NULL, 'x') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-substring
SELECT substring("012345", 0) AS r FROM 'test/topic';
{};
{"r":"012345"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-substring
SELECT substring("012345", 2) AS r FROM 'test/topic';
{};
{"r":"2345"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-substring
SELECT substring("012345", 2.745) AS r FROM 'test/topic';
{};
{"r":"2345"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-substring
SELECT substring(123, 2) AS r FROM 'test/topic';
{};
{"r":"3"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-substring
SELECT substring("012345", -1) AS r FROM 'test/topic';
{};
{"r":"012345"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-substring
SELECT substring(true, 1.2) AS r FROM 'test/topic';
{};
{"r":"rue"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-substring
SELECT substring(false, -2.411E247) AS r FROM 'test/topic';
{};
{"r":"false"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-substring
SELECT substring("012345", 1, 3) AS r FROM 'test/topic';
{};
{"r":"12"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-substring
SELECT substring("012345", -50, 50) AS r FROM 'test/topic';
{};
{"r":"012345"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-substring
SELECT substring("012345", 3, 1) AS r FROM 'test/topic';
{};
{"r":""};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-substring
SELECT substring('abc', 'x') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-substring
SELECT substring(NULL, 0) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-substring
SELECT substring('héllo', 1, 2) AS r FROM 'test/topic';
{};
{"r":"é"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-hash
SELECT md2("hello") AS r FROM 'test/topic';
{};
{"r":"a9046c73e00331af68917d3804f70655"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-hash
SELECT md2(NULL) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-hash
SELECT md5("hello") AS r FROM 'test/topic';
{};
{"r":"5d41402abc4b2a76b9719d911017c592"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-hash
SELECT md5(NULL) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-hash
SELECT sha1("hello") AS r FROM 'test/topic';
{};
{"r":"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-hash
SELECT sha1(NULL) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-hash
SELECT sha224("hello") AS r FROM 'test/topic';
{};
{"r":"ea09ae9cc6768c50fcee903ed054556e5bfc8347907f12598aa24193"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-hash
SELECT sha224(NULL) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-hash
SELECT sha256("hello") AS r FROM 'test/topic';
{};
{"r":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-hash
SELECT sha256(NULL) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-hash
SELECT sha384("hello") AS r FROM 'test/topic';
{};
{"r":"59e1748777448c69de6b800d7a33bbfb9ff1b463e44354c3553bcdb9c666fa90125a3c79f90397bdf5f6a13de828684f"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-hash
SELECT sha384(NULL) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-hash
SELECT sha512("hello") AS r FROM 'test/topic';
{};
{"r":"9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-hash
SELECT sha512(NULL) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-hash
SELECT md5(1) AS r FROM 'test/topic';
{};
{"r":"c4ca4238a0b923820dcc509a6f75849b"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-hash
SELECT md2('') AS r FROM 'test/topic';
{};
{"r":"8350e5a3e24c153df2275c9f80692773"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-hash
SELECT md2('abcdefghijklmnopqrstuvwxyz') AS r FROM 'test/topic';
{};
{"r":"4e8ddff3650292ab5a4108c3aa47940b"};
