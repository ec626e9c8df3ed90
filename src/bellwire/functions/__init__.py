"""Lambda-compatible functions: a pool of warm worker processes."""
