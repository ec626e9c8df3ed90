-- https://docs.aws.amazon.com/iot/latest/developerguide/binary-payloads.html
SELECT * FROM 'test/topic';
bytes: ff00fe;
unfit: the message is no JSON object or array;

-- a bare number is no JSON document for a rule
SELECT * FROM 'test/topic';
80;
unfit: the message is no JSON object or array;

-- names in what is no JSON are Undefined
SELECT a, topic() AS t FROM 'test/topic';
not json;
{"t":"test/topic"};

-- an array is a document
SELECT * FROM 'test/topic';
[1,2];
[1,2];

-- SELECT VALUE of what is not there
SELECT VALUE nothing FROM 'test/topic';
{};
unfit: what SELECT VALUE asks for is Undefined;

-- an empty message
SELECT timestamp() AS at FROM 'test/topic';
bytes: ;
{"at":1732370400123};
