-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-abs
SELECT abs(-5) AS r FROM 'test/topic';
{};
{"r":5};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-abs
SELECT abs('-5.123') AS r FROM 'test/topic';
{};
{"r":5.123};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-abs
SELECT abs(-2.5) AS r FROM 'test/topic';
{};
{"r":2.5};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-abs
-- what is no number is Undefined
SELECT abs(b) AS b, abs(a) AS a, abs(o) AS o, abs(n) AS n, abs(missing) AS m, abs('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-acos
SELECT acos(0) AS r FROM 'test/topic';
{};
{"r":1.5707963267948966};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-acos
SELECT acos(2) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-acos
-- what is no number is Undefined
SELECT acos(b) AS b, acos(a) AS a, acos(o) AS o, acos(n) AS n, acos(missing) AS m, acos('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-asin
SELECT asin(0) AS r FROM 'test/topic';
{};
{"r":0};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-asin
SELECT asin(1) AS r FROM 'test/topic';
{};
{"r":1.5707963267948966};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-asin
-- what is no number is Undefined
SELECT asin(b) AS b, asin(a) AS a, asin(o) AS o, asin(n) AS n, asin(missing) AS m, asin('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-atan
SELECT atan(0) AS r FROM 'test/topic';
{};
{"r":0};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-atan
SELECT atan('1') AS r FROM 'test/topic';
{};
{"r":0.7853981633974483};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-atan
-- what is no number is Undefined
SELECT atan(b) AS b, atan(a) AS a, atan(o) AS o, atan(n) AS n, atan(missing) AS m, atan('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-ceil
SELECT ceil(1.2) AS r FROM 'test/topic';
{};
{"r":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-ceil
SELECT ceil(-1.2) AS r FROM 'test/topic';
{};
{"r":-1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-ceil
SELECT ceil('1.2') AS r FROM 'test/topic';
{};
{"r":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-ceil
-- what is no number is Undefined
SELECT ceil(b) AS b, ceil(a) AS a, ceil(o) AS o, ceil(n) AS n, ceil(missing) AS m, ceil('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-cos
SELECT cos(0) AS r FROM 'test/topic';
{};
{"r":1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-cos
-- what is no number is Undefined
SELECT cos(b) AS b, cos(a) AS a, cos(o) AS o, cos(n) AS n, cos(missing) AS m, cos('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-cosh
SELECT cosh(2.3) AS r FROM 'test/topic';
{};
{"r":5.037220649268761};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-cosh
-- what is no number is Undefined
SELECT cosh(b) AS b, cosh(a) AS a, cosh(o) AS o, cosh(n) AS n, cosh(missing) AS m, cosh('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-exp
SELECT exp(1) AS r FROM 'test/topic';
{};
{"r":2.718281828459045};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-exp
SELECT exp(1000) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-exp
-- what is no number is Undefined
SELECT exp(b) AS b, exp(a) AS a, exp(o) AS o, exp(n) AS n, exp(missing) AS m, exp('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-floor
SELECT floor(1.2) AS r FROM 'test/topic';
{};
{"r":1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-floor
SELECT floor(-1.2) AS r FROM 'test/topic';
{};
{"r":-2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-floor
SELECT floor('7.9') AS r FROM 'test/topic';
{};
{"r":7};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-floor
-- what is no number is Undefined
SELECT floor(b) AS b, floor(a) AS a, floor(o) AS o, floor(n) AS n, floor(missing) AS m, floor('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-nln
SELECT ln(1) AS r FROM 'test/topic';
{};
{"r":0};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-nln
SELECT ln(0) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-nln
SELECT ln(-1) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-nln
-- what is no number is Undefined
SELECT ln(b) AS b, ln(a) AS a, ln(o) AS o, ln(n) AS n, ln(missing) AS m, ln('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-log
SELECT log(100) AS r FROM 'test/topic';
{};
{"r":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-log
SELECT log('1000') AS r FROM 'test/topic';
{};
{"r":3};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-log
-- what is no number is Undefined
SELECT log(b) AS b, log(a) AS a, log(o) AS o, log(n) AS n, log(missing) AS m, log('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-round
SELECT Round(1.2) AS r FROM 'test/topic';
{};
{"r":1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-round
SELECT Round(1.5) AS r FROM 'test/topic';
{};
{"r":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-round
SELECT Round(1.7) AS r FROM 'test/topic';
{};
{"r":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-round
SELECT Round(-1.1) AS r FROM 'test/topic';
{};
{"r":-1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-round
SELECT Round(-1.5) AS r FROM 'test/topic';
{};
{"r":-2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-round
SELECT round('2.5') AS r FROM 'test/topic';
{};
{"r":3};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-round
-- what is no number is Undefined
SELECT round(b) AS b, round(a) AS a, round(o) AS o, round(n) AS n, round(missing) AS m, round('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-sign
SELECT sign(-7) AS r FROM 'test/topic';
{};
{"r":-1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-sign
SELECT sign(0) AS r FROM 'test/topic';
{};
{"r":0};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-sign
SELECT sign(13) AS r FROM 'test/topic';
{};
{"r":1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-sign
SELECT sign('-0.1') AS r FROM 'test/topic';
{};
{"r":-1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-sign
-- what is no number is Undefined
SELECT sign(b) AS b, sign(a) AS a, sign(o) AS o, sign(n) AS n, sign(missing) AS m, sign('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-sin
SELECT sin(0) AS r FROM 'test/topic';
{};
{"r":0};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-sin
-- what is no number is Undefined
SELECT sin(b) AS b, sin(a) AS a, sin(o) AS o, sin(n) AS n, sin(missing) AS m, sin('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-sinh
SELECT sinh(2.3) AS r FROM 'test/topic';
{};
{"r":4.936961805545957};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-sinh
-- what is no number is Undefined
SELECT sinh(b) AS b, sinh(a) AS a, sinh(o) AS o, sinh(n) AS n, sinh(missing) AS m, sinh('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-sqrt
SELECT sqrt(9) AS r FROM 'test/topic';
{};
{"r":3};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-sqrt
SELECT sqrt('2.25') AS r FROM 'test/topic';
{};
{"r":1.5};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-sqrt
SELECT sqrt(-1) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-sqrt
-- what is no number is Undefined
SELECT sqrt(b) AS b, sqrt(a) AS a, sqrt(o) AS o, sqrt(n) AS n, sqrt(missing) AS m, sqrt('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-tan
SELECT tan(3) AS r FROM 'test/topic';
{};
{"r":-0.1425465430742778};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-tan
-- what is no number is Undefined
SELECT tan(b) AS b, tan(a) AS a, tan(o) AS o, tan(n) AS n, tan(missing) AS m, tan('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-tanh
SELECT tanh(2.3) AS r FROM 'test/topic';
{};
{"r":0.9800963962661914};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-tanh
-- what is no number is Undefined
SELECT tanh(b) AS b, tanh(a) AS a, tanh(o) AS o, tanh(n) AS n, tanh(missing) AS m, tanh('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-bitnot
SELECT bitnot(13) AS r FROM 'test/topic';
{};
{"r":-14};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-bitnot
SELECT bitnot(-1) AS r FROM 'test/topic';
{};
{"r":0};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-bitnot
SELECT bitnot(13.7) AS r FROM 'test/topic';
{};
{"r":-14};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-bitnot
-- what is no number is Undefined
SELECT bitnot(b) AS b, bitnot(a) AS a, bitnot(o) AS o, bitnot(n) AS n, bitnot(missing) AS m, bitnot('x') AS x FROM 'test/topic';
{"b":true,"a":[1],"o":{"k":1},"n":null};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-atan2
SELECT atan2(1, 0) AS r FROM 'test/topic';
{};
{"r":1.5707963267948966};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-atan2
SELECT atan2('1', 0) AS r FROM 'test/topic';
{};
{"r":1.5707963267948966};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-atan2
SELECT atan2(1, true) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-atan2
SELECT atan2(1, NULL) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-bitand
SELECT bitand(13, 5) AS r FROM 'test/topic';
{};
{"r":5};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-bitand
SELECT bitand(13.9, '5') AS r FROM 'test/topic';
{};
{"r":5};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-bitand
SELECT bitand(13, 'x') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-bitor
SELECT bitor(8, 5) AS r FROM 'test/topic';
{};
{"r":13};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-bitor
SELECT bitor(8, NULL) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-bitor
SELECT bitor('8', 5.5) AS r FROM 'test/topic';
{};
{"r":13};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-xbitor
SELECT bitxor(13, 5) AS r FROM 'test/topic';
{};
{"r":8};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-xbitor
SELECT bitxor(13, [5]) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-xbitor
SELECT bitxor(5, 5) AS r FROM 'test/topic';
{};
{"r":0};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-mod
SELECT mod(8, 3) AS r FROM 'test/topic';
{};
{"r":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-mod
SELECT mod(-7, 3) AS r FROM 'test/topic';
{};
{"r":-1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-mod
SELECT mod(7.5, 2) AS r FROM 'test/topic';
{};
{"r":1.5};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-mod
SELECT mod('8', '3') AS r FROM 'test/topic';
{};
{"r":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-mod
SELECT mod(8, 0) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-mod
SELECT mod(8, true) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-remainder
SELECT remainder(8, 3) AS r FROM 'test/topic';
{};
{"r":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-remainder
SELECT remainder(8, 'x') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-remainder
SELECT 8 % 3 AS r FROM 'test/topic';
{};
{"r":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-nanvl
SELECT Nanvl(8, 3) AS r FROM 'test/topic';
{};
{"r":8};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-nanvl
SELECT nanvl(missing, 3) AS r FROM 'test/topic';
{};
{"r":3};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-nanvl
SELECT nanvl(NULL, 'none') AS r FROM 'test/topic';
{};
{"r":"none"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-nanvl
SELECT nanvl('x', 3) AS r FROM 'test/topic';
{};
{"r":"x"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-nanvl
SELECT nanvl(sqrt(-1), 0) AS r FROM 'test/topic';
{};
{"r":0};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-power
SELECT power(2, 5) AS r FROM 'test/topic';
{};
{"r":32};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-power
SELECT power('2', 0.5) AS r FROM 'test/topic';
{};
{"r":1.4142135623730951};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-power
SELECT power(-1, 0.5) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-power
SELECT power(10, 400) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-power
SELECT power(0, -1) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-rand
SELECT rand() AS r FROM 'test/topic';
{};
{"r":0.5};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-rand
SELECT rand() < 1 AS r FROM 'test/topic';
{};
{"r":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-trunc
SELECT trunc(2.3, 0) AS r FROM 'test/topic';
{};
{"r":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-trunc
SELECT trunc(2.3123, 2) AS r FROM 'test/topic';
{};
{"r":2.31};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-trunc
SELECT trunc(2.888, 2) AS r FROM 'test/topic';
{};
{"r":2.88};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-trunc
SELECT trunc(2.00, 5) AS r FROM 'test/topic';
{};
{"r":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-trunc
SELECT trunc(2.888, -1) AS r FROM 'test/topic';
{};
{"r":2};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-trunc
SELECT trunc(2.888, 99) AS r FROM 'test/topic';
{};
{"r":2.888};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-trunc
SELECT trunc('2.888', 1.9) AS r FROM 'test/topic';
{};
{"r":2.8};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-trunc
SELECT trunc(-2.888, 1) AS r FROM 'test/topic';
{};
{"r":-2.8};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-trunc
SELECT trunc(200, 0) AS r FROM 'test/topic';
{};
{"r":200};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-trunc
SELECT trunc(true, 0) AS r FROM 'test/topic';
{};
{};
