"""What went wrong between the node and a broker of somebody else: place, cause and remedy.

No sentence has a password in it.
"""

from __future__ import annotations

import socket
import ssl

from bellwire.errors import BusError


_LOGIN_HINTS = {
    "Bad user name or password": "check custom.bellwire.broker: username and password",
    "Not authorized": "give this client id, user or certificate leave to connect; on AWS: a policy "
    "with iot:Connect for client/CLIENTID",
    "Client identifier not valid": "set custom.bellwire.broker.clientId to one that it takes",
    "Unsupported protocol version": "it speaks neither MQTT 5 nor 3.1.1: is it an MQTT broker?",
    "Banned": "the broker's operator has to lift the ban",
}
_PASSING = {
    "Server unavailable",
    "Server busy",
    "Quota exceeded",
    "Connection rate exceeded",
    "Use another server",
    "Server moved",
}
_ALERTS = (
    ("CERTIFICATE_EXPIRED", "it says that this node's certificate has expired"),
    ("CERTIFICATE_REVOKED", "it says that this node's certificate is revoked"),
    ("UNKNOWN_CA", "it does not know the authority of this node's certificate"),
    ("CERTIFICATE_REQUIRED", "it wants a certificate of this node"),
    ("BAD_CERTIFICATE", "it refuses this node's certificate"),
    ("CERTIFICATE_UNKNOWN", "it refuses this node's certificate"),
    ("HANDSHAKE_FAILURE", "it refuses the TLS handshake"),
)
_OURS = "custom.bellwire.broker: certificate and key"


def unreachable(url: str, error: OSError) -> BusError:
    """Return what to say of a connection that did not come about."""
    text, hint, retryable = _reason(error)
    return BusError(
        f"the MQTT broker {url} cannot be reached: {text}", retryable=retryable, hint=hint
    )


def refused_login(url: str, client_id: str, reason: str) -> BusError:
    """Return what to say where the broker refuses the client, by the name of its reason code."""
    return BusError(
        f"the MQTT broker {url} refused the client {client_id}: {reason}",
        retryable=reason in _PASSING,
        hint=_LOGIN_HINTS.get(reason),
    )


def closed_early(url: str, client_id: str, cause: str | None) -> BusError:
    """Return what to say where the broker hangs up instead of answering the login."""
    text, hint = _alert(cause or "") or (
        f"it closed the connection without an answer{f' ({cause})' if cause else ''}",
        f"is it MQTT on this port, and may the client {client_id} connect?",
    )
    return BusError(
        f"the MQTT broker {url} cannot be used: {text}", retryable=hint != _OURS, hint=hint
    )


def no_answer(url: str, within_s: float) -> BusError:
    """Return what to say where nothing comes at all."""
    return BusError(
        f"the MQTT broker {url} did not answer within {within_s:g} s",
        retryable=True,
        hint="is it the right port? mqtts:// where it speaks TLS, mqtt:// where not",
    )


def refused_filter(url: str, topic_filter: str, whom: str, reason: str) -> str:
    """Return what to say where a subscription is refused."""
    return (
        f"the MQTT broker {url} refused the subscription to {topic_filter} ({reason}): {whom} gets "
        "nothing until it is allowed; allow it, then reload or start again"
    )


def lost(url: str, client_id: str, cause: str) -> str:
    """Return what to say of a connection that has ended."""
    hint = ""
    if cause == "Session taken over":
        hint = f": another client came with the client id {client_id}; is there a second node?"
    return f"the connection to the MQTT broker {url} is lost ({cause}){hint}"


def _reason(error: OSError) -> tuple[str, str | None, bool]:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _distrust(error)
    if isinstance(error, ssl.SSLError):
        text = str(error.reason or error)
        alert = _alert(text)
        if alert is not None:
            return (*alert, False)
        hint = "does it speak TLS on this port? else write mqtt://"
        return f"TLS failed ({text.replace('_', ' ').lower()})", hint, False
    if isinstance(error, socket.gaierror):
        return f"its name has no address ({error.strerror})", "check the broker's url", True
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there", "is it running, and on this port?", True
    if isinstance(error, ConnectionResetError):
        hint = "does it speak TLS on this port? mqtts:// where it does, mqtt:// where not"
        return "it hung up", hint, True
    if isinstance(error, TimeoutError):
        return (
            "it did not answer in time",
            "is it the right port, and does a firewall allow it?",
            (True),
        )
    return error.strerror or str(error) or type(error).__name__, None, True


def _distrust(error: ssl.SSLCertVerificationError) -> tuple[str, str, bool]:
    message = error.verify_message
    if "expired" in message:
        hint = "renew the certificate of the broker, or check this machine's clock"
    elif "match" in message:
        hint = "name the broker in its url as its certificate does"
    else:
        hint = "name the PEM file of its authority: custom.bellwire.broker.ca"
    return f"its certificate is not trusted ({message})", hint, False


def _alert(text: str) -> tuple[str, str] | None:
    """Return the meaning and the remedy of a TLS alert about our certificate."""
    wanted = text.upper().replace(" ", "_")
    for word, meaning in _ALERTS:
        if word in wanted:
            return meaning, _OURS
    return None
