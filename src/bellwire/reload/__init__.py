"""A running node takes over what is saved: see `reloader`."""
