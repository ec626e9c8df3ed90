-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-matches
SELECT regexp_matches("aaaa", "a{2,}") AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-matches
SELECT regexp_matches("aaaa", "b") AS r FROM 'test/topic';
{};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-matches
SELECT regexp_matches(12345, '^1.*5$') AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-matches
SELECT regexp_matches(true, 'ru') AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-matches
SELECT regexp_matches(NULL, 'a') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-matches
SELECT regexp_matches('a', NULL) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-matches
SELECT regexp_matches('sensor-12', '^sensor-[0-9]+$') AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-matches
-- an expression from the message that is none is Undefined
SELECT regexp_matches('a', e) AS r FROM 'test/topic';
{"e":"("};
{};

-- an expression that backtracks for ever elsewhere takes no time here
SELECT regexp_matches(a, '^(a+)+$') AS r FROM 'test/topic';
{"a":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"};
{"r":false};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-replace
SELECT regexp_replace("abcd", "bc", "x") AS r FROM 'test/topic';
{};
{"r":"axd"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-replace
SELECT regexp_replace("abcd", "b(.*)d", "$1") AS r FROM 'test/topic';
{};
{"r":"ac"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-replace
SELECT regexp_replace('a/b/c', '^[^/]*/', '') AS r FROM 'test/topic';
{};
{"r":"b/c"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-replace
SELECT regexp_replace('a-b-c', '-', '.') AS r FROM 'test/topic';
{};
{"r":"a.b.c"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-replace
SELECT regexp_replace('ab', '(a)(b)', '$2$1') AS r FROM 'test/topic';
{};
{"r":"ba"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-replace
SELECT regexp_replace('ab', '(a)', '$12') AS r FROM 'test/topic';
{};
{"r":"a2b"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-replace
SELECT regexp_replace('ab', 'a', '\$') AS r FROM 'test/topic';
{};
{"r":"$b"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-replace
SELECT regexp_replace('ab', 'a', '$') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-replace
SELECT regexp_replace('ab', 'a', '$1') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-replace
SELECT regexp_replace('ab', '(?P<x>a)', '<${x}>') AS r FROM 'test/topic';
{};
{"r":"<a>b"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-replace
SELECT regexp_replace('ab', '', '.') AS r FROM 'test/topic';
{};
{"r":".a.b."};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-replace
SELECT regexp_replace(121, '2', 3) AS r FROM 'test/topic';
{};
{"r":"131"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-replace
SELECT regexp_replace(NULL, 'a', 'b') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-replace
SELECT regexp_replace('héllo', 'l+', 'L') AS r FROM 'test/topic';
{};
{"r":"héLo"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-substr
SELECT regexp_substr("hihihello", "hi") AS r FROM 'test/topic';
{};
{"r":"hi"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-substr
SELECT regexp_substr("hihihello", "(hi)*") AS r FROM 'test/topic';
{};
{"r":"hihi"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-substr
SELECT regexp_substr('abc', 'x') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-substr
SELECT regexp_substr(12345, '[34]+') AS r FROM 'test/topic';
{};
{"r":"34"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-substr
SELECT regexp_substr(missing, 'a') AS r FROM 'test/topic';
{};
{};

-- topic: cross_account_publish/210987654321/a/b
SELECT concat('to/', regexp_replace(topic(), '^[^/]*/[^/]*/', '')) AS topic FROM 'cross_account_publish/210987654321/#';
{};
{"topic":"to/a/b"};

-- what only an engine that backtracks can do is refused when the rule is loaded
SELECT regexp_matches(a, '(?=a)') AS r FROM 'x';
{};
error:
    regexp_matches(): this regular expression cannot be taken: invalid perl operator: (?= (here it is refused; made from a message it would be Undefined)
    SELECT regexp_matches(a, '(?=a)') AS r FROM 'x'
                             ^^^^^^^;

-- what only an engine that backtracks can do is refused when the rule is loaded
SELECT regexp_matches(a, '(a)\1') AS r FROM 'x';
{};
error:
    regexp_matches(): this regular expression cannot be taken: invalid escape sequence: \1 (here it is refused; made from a message it would be Undefined)
    SELECT regexp_matches(a, '(a)\1') AS r FROM 'x'
                             ^^^^^^^;
