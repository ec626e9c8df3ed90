"""The bellwire command."""
