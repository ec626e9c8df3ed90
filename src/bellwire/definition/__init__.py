"""serverless.yml as a typed model: read it with `load_service`."""
