"""An HTTP endpoint that integrations call: it answers with what it was asked."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Backend:
    """The endpoint, on a port of its own until `stop`."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """`/status/N` answers with that status, `/kind/K` with a header, `/slow` after half a second,
    `/bytes` with bytes that are no text, any other path with 200.
    """

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        _, place, *rest = self.path.split("/")
        if place == "slow":
            time.sleep(0.5)
        status = int(rest[0]) if place == "status" else 200
        seen = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": b64encode(body).decode() if place == "bytes" else body.decode(),
        }
        answer = b"\xff\x00" + body if place == "bytes" else json.dumps(seen).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        if place == "kind":
            self.send_header("X-Kind", rest[0])
        self.end_headers()
        with suppress(ConnectionError):  # who asked may have lost patience, as he should
            self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _answer

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: checks look at the answers."""
