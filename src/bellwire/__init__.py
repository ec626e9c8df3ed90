"""Bellwire tells apps, the moment it happens, that a device's parameter has changed.

Import what you use: handlers take `bellwire.notify`; everything else is behind the `bellwire`
command. This module imports nothing, so that a function's process starts fast.
"""

__version__ = "0.1.0"
