-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-set.html
SET @temp_celsius = (temp_fahrenheit - 32) * 5 / 9 SELECT round(@temp_celsius * 100) / 100 AS celsius, humidity FROM 'device/data';
{"temp_fahrenheit":75,"humidity":60};
{"celsius":23.89,"humidity":60};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-set.html
SET @device_sensor_data = device1.deviceData.sensors SELECT @device_sensor_data.temp_fahrenheit AS temp_fahrenheit, @device_sensor_data.humidity AS humidity FROM 'device/data';
{"device1":{"deviceData":{"sensors":{"temp_fahrenheit":98,"humidity":65}}}};
{"temp_fahrenheit":98,"humidity":65};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-set.html
-- a variable may use those before it
SET @a = 50, @b = @a + 1 SELECT @b AS b FROM 'd/x' WHERE t > @a;
{"t":60};
{"b":51};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-set.html
-- in WHERE
SET @a = 50 SELECT t FROM 'd/x' WHERE t > @a;
{"t":40};
no action;

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-set.html
-- in a nested query
SET @least = 2 SELECT (SELECT VALUE n FROM list WHERE n >= @least) AS big FROM 'd/x';
{"list":[{"n":1},{"n":2},{"n":3}]};
{"big":[2,3]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-set.html
-- a query over a variable
SET @l = list SELECT (SELECT VALUE n FROM @l) AS all FROM 'd/x';
{"list":[{"n":1},{"n":2}]};
{"all":[1,2]};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-set.html
-- Undefined stays Undefined
SET @a = missing SELECT @a AS a, isUndefined(@a) AS u FROM 'd/x';
{};
{"u":true};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-set.html
-- a name has at most 64 letters, digits and _
SET @1st = 1 SELECT @1st AS a FROM 'd/x';
{};
{"a":1};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-set.html
-- a variable is set once
SET @a = 1, @a = 2 SELECT @a AS a FROM 'x';
{};
error:
    @a is set twice
    SET @a = 1, @a = 2 SELECT @a AS a FROM 'x'
                ^^;

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-set.html
-- not before it is set
SET @a = @b, @b = 1 SELECT @a AS a FROM 'x';
{};
error:
    @b is not set (SET @b = … stands before SELECT, or before its first use in SET)
    SET @a = @b, @b = 1 SELECT @a AS a FROM 'x'
             ^^;

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-set.html
SELECT @temp AS a FROM 'x';
{};
error:
    @temp is not set (SET @temp = … stands before SELECT, or before its first use in SET)
    SELECT @temp AS a FROM 'x'
           ^^^^^;
