"""boto3 in a function's process: the clients of what the node serves reach the node.

Whatever endpoint the handler names, requests of `apigatewaymanagementapi`, `iot-data` and
`lambda` clients are sent to the node; all other services are left alone. The hook is botocore's own
list of handlers that every session gets. It is extended when the handler imports botocore, and
costs nothing where it never does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType


TYPE_CHECKING = False  # `typing` would slow the start of every worker
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader

    from botocore.awsrequest import AWSPreparedRequest, AWSResponse
    from botocore.httpsession import URLLib3Session


EVENTS = (
    "before-send.apigatewaymanagementapi",
    "before-send.iot-data-plane",
    "before-send.lambda",
)
_TOKEN_HEADER = "X-Bellwire-Token"
_CONNECTIONS = ("/@connections", "/%40connections")


def install(*, http_url: str, stage: str, token: str | None = None) -> None:
    """Have botocore, once imported, send to the node at `http_url` (no trailing slash).

    Where the node asks for signatures, `token` stands for that of its own functions: what they
    signed was for another host.
    """
    redirect = Redirect(http_url=http_url, stage=stage, token=token)

    def register(module: ModuleType) -> None:
        handlers: list[tuple[str, Redirect]] = vars(module)["BUILTIN_HANDLERS"]
        handlers += [(event, redirect) for event in EVENTS]

    _after_import("botocore.handlers", register)


def node_url(url: str, *, http_url: str, stage: str) -> str:
    """Return where a request for `url` goes: the same path and query, at the node.

    A path that names no stage, as that of a custom domain, gets the node's one.
    docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
    """
    rest = url.partition("://")[2]
    path = rest[len(rest.partition("/")[0].partition("?")[0]) :]
    if path.startswith(_CONNECTIONS):
        path = f"/{stage}{path}"
    return f"{http_url}{path}"


class Redirect:
    """A handler of botocore's `before-send`: changes where the request goes.

    botocore then sends it as any other, retries included: each try comes here again. Where the
    environment names a proxy for http, which a client would use for the node too, the request is
    sent from here, without one.
    """

    def __init__(self, *, http_url: str, stage: str, token: str | None = None) -> None:
        self._http_url = http_url
        self._stage = stage
        self._token = token
        self._direct: URLLib3Session | None = None

    def __call__(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        """Send the request to the node; None leaves the sending to botocore."""
        from urllib.request import getproxies

        request.url = node_url(request.url, http_url=self._http_url, stage=self._stage)
        if self._token is not None:
            request.headers[_TOKEN_HEADER] = self._token
        if "http" not in getproxies():
            return None
        return self._session().send(request)

    def _session(self) -> URLLib3Session:
        if self._direct is None:
            from botocore.httpsession import URLLib3Session

            self._direct = URLLib3Session()
        return self._direct


def _after_import(name: str, then: Callable[[ModuleType], None]) -> None:
    if name in sys.modules:
        then(sys.modules[name])
    else:
        sys.meta_path.insert(0, _Finder(name, then))


class _Finder:
    """Finds one module as the others would, and has it loaded with an epilogue. Works once."""

    def __init__(self, name: str, then: Callable[[ModuleType], None]) -> None:
        self._name = name
        self._then = then

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module's spec with a loader that runs the epilogue."""
        if name != self._name:
            return None
        from importlib.util import find_spec

        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            loader = _Loader(spec.loader, self._then)
            spec.loader = loader  # type: ignore[assignment]  # importlib asks for no base class
        return spec


class _Loader:
    """Loads a module with its own loader, then calls the epilogue with it."""

    def __init__(self, loader: Loader, then: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._then = then

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave the making of the module to its loader."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, then the epilogue."""
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._then(module)
