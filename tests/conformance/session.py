"""What a check is given: clients of a running service, and what its functions saw."""

from __future__ import annotations

import json
import re
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect


WITHIN_S = 5.0
"""How long a check waits for what must come."""
SILENCE_S = 0.25
"""How long a check waits to see that nothing comes."""

REGION = "eu-west-1"
KEY_ID, SECRET = "AKIDTESTER", "a-secret-of-tests"
"""Who may sign requests, where a service asks for a signature."""


_LABEL = re.compile(r'(\w+)="([^"]*)"')


class Service(NamedTuple):
    """A service that runs. `api_id` is None where every id is as good."""

    websocket_url: str
    http_url: str
    management_url: str
    stage: str
    api_id: str | None
    events_file: Path
    log_file: Path
    stop: Callable[[], int]
    wait: Callable[[], object]
    is_running: Callable[[], bool]


class Target(Protocol):
    """An implementation of API Gateway's WebSocket APIs."""

    name: str

    def lacks(self, service: str) -> str | None:
        """Return what the implementation does not have that the service is about."""

    def start(self, service: str) -> Service:
        """Return the running service, starting it where it does not run."""

    def start_another(self, service: str) -> Service:
        """Start one more of the service, for a check that stops it."""

    def stop(self) -> None:
        """Stop every service that was started."""


class Answer(NamedTuple):
    """An HTTP answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: str


class Session:
    """One check's clients and records; closes what the check has opened."""

    def __init__(self, target: Target, name: str, service: Service | None = None) -> None:
        self._target = target
        self._name = name
        self.service = service or target.start(name)
        self._open = ExitStack()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def elsewhere(self) -> Session:
        """Return a session with the same service started once more, to be stopped."""
        service = self._target.start_another(self._name)
        return self._open.enter_context(Session(self._target, self._name, service))

    # WebSockets

    def connect(
        self,
        query: str = "",
        *,
        headers: dict[str, str] | None = None,
        order: dict[str, Any] | None = None,
        authorizer: dict[str, Any] | None = None,
        subprotocols: Sequence[str] | None = None,
        url: str | None = None,
        **arguments: Any,
    ) -> Client:
        """Open a WebSocket; raises InvalidStatus where the handshake is refused."""
        token = uuid.uuid4().hex
        given = {"X-Token": token, **(headers or {})}
        if order is not None:
            given["X-Order"] = json.dumps(order)
        if authorizer is not None:
            given["X-Authorizer-Order"] = json.dumps(authorizer)
        url = url or self.service.websocket_url
        connection = self._open.enter_context(
            connect(
                f"{url}?{query}" if query else url,
                additional_headers=given,
                subprotocols=subprotocols,  # type: ignore[arg-type]  # any text, for a check
                **{"compression": None, "proxy": None, "close_timeout": 1} | arguments,
            )
        )
        return Client(self, connection, token)

    def refusal(self, query: str = "", **arguments: Any) -> Answer:
        """Try to open a WebSocket and return how the handshake was refused."""
        try:
            self.connect(query, **arguments)
        except InvalidStatus as refused:
            response = refused.response
            headers = {name.lower(): value for name, value in response.headers.raw_items()}
            return Answer(response.status_code, headers, (response.body or b"").decode())
        raise AssertionError("the connection was accepted")

    @contextmanager
    def knocking(self, **arguments: Any) -> Iterator[Knock]:
        """Send a handshake and go on before it is answered."""
        knock = Knock(self, **arguments)
        try:
            yield knock
        finally:
            knock.close()

    # What the functions saw

    def records(self, matches: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Return the events that functions have seen so far and that match."""
        if not self.service.events_file.exists():
            return []
        text = self.service.events_file.read_text()
        lines = text[: text.rfind("\n") + 1].splitlines()  # a long line may be half there
        events = (json.loads(line)["event"] for line in lines)
        return [event for event in events if matches(event)]

    def record(self, matches: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Wait for an event that a function saw, and return it."""
        deadline = time.monotonic() + WITHIN_S
        while not (found := self.records(matches)):
            if time.monotonic() > deadline:
                raise AssertionError(f"no function saw {what}")
            time.sleep(0.01)
        return found[0]

    def counter(self, name: str, **labels: str) -> float:
        """Return a counter of /metrics, the sum over labels that are not named; 0 without any."""
        total = 0.0
        for line in self.http("GET", "/metrics").body.splitlines():
            if line.startswith((f"{name}{{", f"{name} ")):
                found = dict(_LABEL.findall(line))
                if all(found.get(label) == value for label, value in labels.items()):
                    total += float(line.rpartition(" ")[2])
        return total

    def log_line(self, text: str) -> str:
        """Wait for a line of the node's log and return it."""
        deadline = time.monotonic() + WITHIN_S
        while True:
            lines = self.service.log_file.read_text(errors="replace").splitlines()
            if found := [line for line in lines if text in line]:
                return found[0]
            if time.monotonic() > deadline:
                raise AssertionError("no such line in the log")
            time.sleep(0.01)

    # HTTP

    def http(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send one plain request to the node, the path as it is."""
        return request(self.service.http_url, method, path, body, headers)

    def post(self, connection_id: str, data: bytes) -> Answer:
        """Call PostToConnection by plain HTTP."""
        return self.http("POST", self.connection_path(connection_id), data)

    def connection_path(self, connection_id: str) -> str:
        """Return the path of a connection, its id written as boto3 writes it."""
        base = urlsplit(self.service.management_url).path
        return f"{base}/@connections/{connection_id.replace('=', '%3D')}"

    def boto3(self, key_id: str = KEY_ID, secret: str = SECRET) -> Any:
        """Return a real client of the management API."""
        session = boto3.Session(
            region_name=REGION, aws_access_key_id=key_id, aws_secret_access_key=secret
        )
        return session.client(
            "apigatewaymanagementapi",
            endpoint_url=self.service.management_url,
            config=Config(retries={"max_attempts": 0}),
        )


class Client:
    """An open WebSocket."""

    def __init__(self, session: Session, connection: ClientConnection, token: str) -> None:
        self._session = session
        self._connection = connection
        self._token = token
        self._id: str | None = None

    @property
    def subprotocol(self) -> str | None:
        return self._connection.subprotocol

    @property
    def response_headers(self) -> dict[str, str]:
        """The headers of the 101, names in lower case."""
        assert self._connection.response is not None
        return {
            name.lower(): value for name, value in self._connection.response.headers.raw_items()
        }

    @property
    def id(self) -> str:
        """The connection's id, as `$connect` was told it."""
        if self._id is None:
            context = self.connect_event()["requestContext"]
            self._id = str(context["connectionId"])
        return self._id

    def connect_event(self) -> dict[str, Any]:
        return self._session.record(
            lambda event: kind_of(event) == "CONNECT" and "type" not in event
            and token_of(event) == self._token,
            "`$connect`",
        )  # fmt: skip

    def authorizer_event(self) -> dict[str, Any]:
        return self._session.record(
            lambda event: event.get("type") == "REQUEST" and token_of(event) == self._token,
            "the authorizer's request",
        )

    def disconnect_event(self) -> dict[str, Any]:
        return self._session.record(
            lambda event: (
                kind_of(event) == "DISCONNECT"
                and event["requestContext"]["connectionId"] == self.id
            ),
            "`$disconnect`",
        )

    def message_events(self) -> list[dict[str, Any]]:
        return self._session.records(
            lambda event: (
                kind_of(event) == "MESSAGE" and event["requestContext"]["connectionId"] == self.id
            )
        )

    def send(self, message: str | bytes | dict[str, Any] | list[str]) -> None:
        """Send a message; a list is sent as its fragments."""
        self._connection.send(json.dumps(message) if isinstance(message, dict) else message)

    def receive(self, within_s: float = WITHIN_S) -> str:
        try:
            message = self._connection.recv(within_s)
        except TimeoutError:
            raise AssertionError("no answer") from None
        assert isinstance(message, str), "a binary frame came"
        return message

    def receive_frames(self) -> list[str]:
        """Receive a message and return its frames."""
        return [str(frame) for frame in self._connection.recv_streaming()]

    def ask(self, message: str | dict[str, Any] | list[str]) -> Any:
        """Send a message and return the JSON of the answer."""
        self.send(message)
        return json.loads(self.receive())

    def route_of(self, message: str | dict[str, Any]) -> str:
        """Send a message and return the key of the route that took it, or the gateway's error."""
        answer = self.ask(message)
        return str(answer["requestContext"]["routeKey"] if "requestContext" in answer else answer)

    def hears_nothing(self, within_s: float = SILENCE_S) -> None:
        try:
            message = self._connection.recv(within_s)
        except TimeoutError:
            return
        raise AssertionError(f"a frame came: {str(message)[:60]}")

    def still_works(self) -> None:
        """Show that the connection is open and answers."""
        pong = self._connection.ping()
        assert pong.wait(WITHIN_S), "no pong came"

    def ended(self, within_s: float = WITHIN_S) -> tuple[int, str]:
        """Wait until the server closes, and return its code and reason."""
        deadline = time.monotonic() + within_s
        try:
            while (left := deadline - time.monotonic()) > 0:
                self._connection.recv(left)
        except TimeoutError:
            pass
        except ConnectionClosed as closed:
            if closed.rcvd is None:
                return 1006, ""
            return int(closed.rcvd.code), closed.rcvd.reason
        raise AssertionError("the connection stays open")

    def close(self, code: int = 1000, reason: str = "") -> None:
        self._connection.close(code, reason)

    def close_without_code(self) -> None:
        """Send a close frame that has no code."""
        self.send_frame(Opcode.CLOSE, b"")
        self.ended()

    def send_frame(self, opcode: Opcode, data: bytes) -> None:
        """Write one frame as it is, past the client's own checks."""
        self._connection.socket.sendall(bytes(Frame(opcode, data).serialize(mask=True)))

    def vanish(self) -> None:
        """End the TCP connection without a closing handshake."""
        self._connection.socket.shutdown(socket.SHUT_RDWR)


class Knock:
    """A handshake on a bare socket, whose answer can wait."""

    def __init__(
        self,
        session: Session,
        order: dict[str, Any] | None = None,
        headers: Sequence[str] = (),
        request_line: str | None = None,
        host: str | None = None,
        key: str = "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",
    ) -> None:
        address = urlsplit(session.service.websocket_url)
        self._session = session
        self.token = uuid.uuid4().hex
        self._socket = socket.create_connection((address.hostname or "", address.port or 80))
        self._socket.settimeout(WITHIN_S)
        lines = [
            request_line or f"GET {address.path or '/'} HTTP/1.1",
            host or f"Host: {address.netloc}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            key,
            f"X-Token: {self.token}",
            *([f"X-Order: {json.dumps(order)}"] if order is not None else []),
            *headers,
        ]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def connect_event(self) -> dict[str, Any]:
        return self._session.record(
            lambda event: kind_of(event) == "CONNECT" and token_of(event) == self.token,
            "`$connect`",
        )

    def is_answered(self, within_s: float) -> bool:
        self._socket.settimeout(within_s)
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except TimeoutError:
            return False
        finally:
            self._socket.settimeout(WITHIN_S)

    def head(self) -> str:
        """Wait for the answer's head and return it."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = self._socket.recv(4096)
            if not more:
                break
            data += more
        return data.partition(b"\r\n\r\n")[0].decode("latin-1")

    def status(self) -> int:
        return int(self.head().split(" ")[1])

    def close(self) -> None:
        self._socket.close()


def request(
    base: str,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Send one plain HTTP request and return the answer."""
    address = urlsplit(base)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=WITHIN_S)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, response.read().decode())
    finally:
        connection.close()


def kind_of(event: Any) -> str:
    """Return an event's `eventType`; empty for what is no event of a proxy integration."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    return str(context.get("eventType", "")) if isinstance(context, dict) else ""


def token_of(event: dict[str, Any]) -> str | None:
    for name, value in (event.get("headers") or {}).items():
        if name.lower() == "x-token":
            return str(value)
    return None
