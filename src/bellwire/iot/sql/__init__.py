"""IoT SQL: text → tokens (`lexer`) → tree (`parser`, `nodes`) → closures (`compiler`).

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-reference.html
"""
