"""Notify lists: who listens to which parameter of which device.

For handlers: `from bellwire.notify import Notifier, InvalidNotifyList`. This module and what it
imports need nothing but the standard library, here and on AWS.
"""

from bellwire.notify.lists import InvalidNotifyList
from bellwire.notify.sdk import Notifier
from bellwire.notify.unavailable import NotifierUnavailable


__all__ = ["InvalidNotifyList", "Notifier", "NotifierUnavailable"]
