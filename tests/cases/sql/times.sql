-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time("yyyy.MM.dd G 'at' HH:mm:ss z", 100000000, "America/Belize") AS r FROM 'test/topic';
{};
{"r":"1970.01.01 AD at 21:46:40 CST"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time("yyyy.MM.dd G 'at' HH:mm:ss z", timestamp()) AS r FROM 'test/topic';
{};
{"r":"2024.11.23 AD at 14:00:00 UTC"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time("yyyy", timestamp(), "UTC") AS r FROM 'test/topic';
{};
{"r":"2024"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time("yyyy-MM-dd'T'HH:mm:ss.S'Z'", timestamp()) AS r FROM 'test/topic';
{};
{"r":"2024-11-23T14:00:00.1Z"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time("yyyy-MM-dd'T'HH:mm:ss.SSSZZ", timestamp(), 'Europe/Vienna') AS r FROM 'test/topic';
{};
{"r":"2024-11-23T15:00:00.123+01:00"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time('Z', timestamp(), 'America/New_York') AS r FROM 'test/topic';
{};
{"r":"-0500"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time('ZZZ', timestamp(), 'Europe/Vienna') AS r FROM 'test/topic';
{};
{"r":"Europe/Vienna"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time('E EEEE', timestamp()) AS r FROM 'test/topic';
{};
{"r":"Sat Saturday"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time('M MM MMM MMMM', timestamp()) AS r FROM 'test/topic';
{};
{"r":"11 11 Nov November"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time('yy y x w e D', timestamp()) AS r FROM 'test/topic';
{};
{"r":"24 2024 2024 47 6 328"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time('h:mm a, K k H', timestamp()) AS r FROM 'test/topic';
{};
{"r":"2:00 PM, 2 14 14"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time('CC', timestamp()) AS r FROM 'test/topic';
{};
{"r":"20"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time("h 'o''clock'", timestamp()) AS r FROM 'test/topic';
{};
{"r":"2 o'clock"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time('SSSSSS', timestamp()) AS r FROM 'test/topic';
{};
{"r":"123000"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time('HH', '3600000') AS r FROM 'test/topic';
{};
{"r":"01"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time('yyyy', -1) AS r FROM 'test/topic';
{};
{"r":"1969"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time('HH', 3600000.9) AS r FROM 'test/topic';
{};
{"r":"01"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time('HH', 0, 'Nowhere/Town') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time('HH', true) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time(NULL, 0) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
SELECT parse_time('HH', 1E30) AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
-- summer time is that of the zone, at that time
SELECT parse_time('HH:mm z', 1720000000000, 'Europe/Vienna') AS r FROM 'test/topic';
{};
{"r":"11:46 CEST"};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-parse-time
-- a pattern from the message that is none is Undefined
SELECT parse_time(p, 0) AS r FROM 'test/topic';
{"p":"R"};
{};

-- a pattern that is written down is checked when the rule is loaded
SELECT parse_time('R', 0) AS r FROM 'x';
{};
error:
    parse_time(): the pattern letter R does not exist in Joda-Time (here it is refused; made from a message it would be Undefined)
    SELECT parse_time('R', 0) AS r FROM 'x'
                      ^^^;

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch("2020-04-03 09:45:18 UTC+01:00", "yyyy-MM-dd HH:mm:ss VV") AS r FROM 'test/topic';
{};
{"r":1585903518000};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch("18 December 2015", "dd MMMM yyyy") AS r FROM 'test/topic';
{};
{"r":1450396800000};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch("2007-12-03 10:15:30.592 America/Los_Angeles", "yyyy-MM-dd HH:mm:ss.SSS z") AS r FROM 'test/topic';
{};
{"r":1196705730592};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('2024-11-23T14:00:00.123Z', "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'") AS r FROM 'test/topic';
{};
{"r":1732370400123};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('2024-11-23T14:00:00+0100', "yyyy-MM-dd'T'HH:mm:ssZ") AS r FROM 'test/topic';
{};
{"r":1732366800000};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('2024-11-23T14:00:00Z', "yyyy-MM-dd'T'HH:mm:ssX") AS r FROM 'test/topic';
{};
{"r":1732370400000};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('20241123', 'yyyyMMdd') AS r FROM 'test/topic';
{};
{"r":1732320000000};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('23.11.24', 'dd.MM.yy') AS r FROM 'test/topic';
{};
{"r":1732320000000};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('Sat, 23 Nov 2024 2:00 PM', 'EEE, d MMM yyyy h:mm a') AS r FROM 'test/topic';
{};
{"r":1732370400000};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('12:30 AM 2024-11-23', 'hh:mm a yyyy-MM-dd') AS r FROM 'test/topic';
{};
{"r":1732321800000};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('2024-328', 'yyyy-DDD') AS r FROM 'test/topic';
{};
{"r":1732320000000};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('2024-11-23', 'yyyy-MM-dd[ HH:mm]') AS r FROM 'test/topic';
{};
{"r":1732320000000};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('2024-11-23 14:00', 'yyyy-MM-dd[ HH:mm]') AS r FROM 'test/topic';
{};
{"r":1732370400000};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('2024-11-23 06:00 PST', 'yyyy-MM-dd HH:mm z') AS r FROM 'test/topic';
{};
{"r":1732370400000};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('2023-02-31', 'yyyy-MM-dd') AS r FROM 'test/topic';
{};
{"r":1677542400000};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('2024-13-01', 'yyyy-MM-dd') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('Sun, 23 Nov 2024', 'EEE, dd MMM yyyy') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('2024-11-23 and more', 'yyyy-MM-dd') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('14:00', 'HH:mm') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('2024-11-23 02:00', 'yyyy-MM-dd hh:mm') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('2024-11-23 X/Y', 'yyyy-MM-dd VV') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch(NULL, 'yyyy') AS r FROM 'test/topic';
{};
{};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-time-to-epoch
SELECT time_to_epoch('', 'yyyy-MM-dd') AS r FROM 'test/topic';
{};
{};

-- a letter that we cannot read is refused when the rule is loaded
SELECT time_to_epoch(a, 'Q') AS r FROM 'x';
{};
error:
    time_to_epoch(): the pattern letter Q cannot be read back into a time (here it is refused; made from a message it would be Undefined)
    SELECT time_to_epoch(a, 'Q') AS r FROM 'x'
                            ^^^;

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-function-timestamp
SELECT timestamp() AS r FROM 'test/topic';
{};
{"r":1732370400123};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-function-timestamp
SELECT floor(timestamp() / 1000) AS r FROM 'test/topic';
{};
{"r":1732370400};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-function-timestamp
SELECT round(timestamp() / 1000) + 86400 AS r FROM 'test/topic';
{};
{"r":1732456800};

-- https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-function-timestamp
SELECT timestamp() / 1000 AS r FROM 'test/topic';
{};
{"r":1732370400.123};
