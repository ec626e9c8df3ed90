"""NATS: the embedded server, subjects, streams; and the MQTT client."""
