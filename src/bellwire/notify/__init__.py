"""Notify lists: who listens to which parameter of which device.

For handlers: `from bellwire.notify import Notifier, InvalidNotifyList`. This module and what it
imports need nothing but the standard library, here and on AWS.
"""

from bellwire.notify.lists import InvalidNotifyList
from bellwire.notify.sdk import Notifier
from bellwire.notify.unavailable import ConnectionGone, NotifierUnavailable
from bellwire.notify.values import InvalidChange


__all__ = [
    "ConnectionGone",
    "InvalidChange",
    "InvalidNotifyList",
    "Notifier",
    "NotifierUnavailable",
]
