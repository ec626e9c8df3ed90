"""Clients in Node.js handlers reach the node, whatever endpoint they name (node/redirect.mjs)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from bellwire.definition.model import Function


if TYPE_CHECKING:
    from tests.functions.conftest import Harness

TOOLS = Path(__file__).parent.parent / "tools" / "node_modules"
ID = "L0SM9cOFvHcCIhw="


class Requests:
    """An HTTP server in the node's place, and what it was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str, str]] = []
        """Method, path and query, host, body."""
        self.tokens: set[str | None] = set()
        self.url = ""

    async def _take(self, request: web.BaseRequest) -> web.Response:
        body = await request.text()
        self.seen.append((request.method, request.raw_path, request.host, body))
        self.tokens.add(request.headers.get("X-Bellwire-Token"))
        return web.json_response({"path": request.raw_path})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        runner = web.ServerRunner(web.Server(self._take))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        try:
            yield
        finally:
            await runner.cleanup()


def ask(
    harness: Harness, requests: Requests, source: str, environment: Mapping[str, str] | None = None
) -> Any:
    """Run a handler in which `ask(url, options, body)` sends a request; return its result."""
    harness.write(
        """
        const http = require("node:http"), https = require("node:https");
        const finish = (make, body) => new Promise((resolve, reject) => {
          const request = make((response) => {
            let text = "";
            response.on("data", (data) => { text += data; });
            response.on("end", () => resolve(text));
          });
          request.on("error", reject);
          request.end(body);
        });
        exports.f = async (event) => {
        """
        + source
        + "};",
        "h.js",
    )
    function = Function(
        key="f",
        name="demo-dev-f",
        handler="h.f",
        runtime="nodejs20.x",
        timeout_s=10,
        memory_mb=128,
        environment=environment or {},
        reserved_concurrency=None,
        place=harness.function().place,
    )

    async def main() -> Any:
        async with requests.serving(), harness.running(function, http_url=requests.url) as pools:
            return await harness.value(pools, event={"id": ID, "url": requests.url})

    return asyncio.run(main())


def test_each_form_of_a_request_for_connections_goes_to_the_node(
    harness: Harness, node: str
) -> None:
    requests = Requests()
    ask(
        harness,
        requests,
        """
        const host = "abcdef1234.execute-api.eu-west-1.amazonaws.com";
        const path = "/dev/@connections/" + encodeURIComponent(event.id);
        const agent = new https.Agent({ keepAlive: true });
        await finish((done) => https.request(
          { host, path, method: "POST", agent, headers: { "content-type": "text/plain" } }, done),
          "options");
        await finish((done) => https.request(
          { hostname: host, port: 443, path: path + "?x=1", headers: { host: "my.example.com" } },
          done));
        await finish((done) => https.request(`https://${host}${path}`, { method: "DELETE" }, done));
        await finish((done) => https.get(new URL(`https://${host}${path}`), done));
        await finish((done) => http.request(
          `http://localhost:3001${path}`, { headers: ["Host", "flat.example.com"] }, done));
        await finish((done) => https.request(
          { host: "ws.example.com", path: "/@connections/a", headers: [["X-A", "1"]] }, done));
        await finish((done) => https.request({ host, path: "/dev/%40connections/a" }, done));
        await (await fetch(`https://${host}${path}`, { method: "POST", body: "fetched" })).text();
        await (await fetch(new Request(`https://${host}/@connections/b?y=2`))).text();
        const { request } = await import("node:https");
        await finish((done) => request({ host, path }, done));
        """,
    )
    host = "abcdef1234.execute-api.eu-west-1.amazonaws.com"
    path = "/dev/@connections/L0SM9cOFvHcCIhw%3D"
    own = requests.url.removeprefix("http://")
    assert requests.seen == [
        ("POST", path, host, "options"),
        ("GET", f"{path}?x=1", "my.example.com", ""),
        ("DELETE", path, host, ""),
        ("GET", path, host, ""),
        ("GET", path, "flat.example.com", ""),
        ("GET", "/dev/@connections/a", "ws.example.com", ""),
        ("GET", "/dev/%40connections/a", host, ""),
        ("POST", path, own, "fetched"),
        ("GET", "/dev/@connections/b?y=2", own, ""),
        ("GET", path, host, ""),
    ]


def test_lambda_and_iot_go_to_the_node_and_other_hosts_do_not(harness: Harness, node: str) -> None:
    requests = Requests()
    result = ask(
        harness,
        requests,
        """
        const send = (host, path) => finish((done) => https.request({ host, path }, done));
        await send("lambda.eu-west-1.amazonaws.com", "/2015-03-31/functions/f/invocations");
        await send("data-ats.iot.eu-west-1.amazonaws.com", "/topics/a%2Fb?qos=1");
        await send("a1b2c3-ats.iot.cn-north-1.amazonaws.com.cn", "/topics/a");
        const fails = async (host, path) => {
          try { await send(host, path); return "sent"; } catch (error) { return error.code; }
        };
        return [
          await fails("127.0.0.1:1", "/dev/connections/a"),
          await fails("lambda.example.invalid", "/2015-03-31/functions/f/invocations"),
          await fails("iot.eu-west-1.amazonaws.com.invalid", "/topics/a"),
        ];
        """,
    )
    assert [path for _, path, _, _ in requests.seen] == [
        "/2015-03-31/functions/f/invocations",
        "/topics/a%2Fb?qos=1",
        "/topics/a",
    ]
    assert "sent" not in result


def test_the_token_of_a_node_that_asks_for_signatures_is_shown_to_it_alone(
    harness: Harness, node: str
) -> None:
    requests = Requests()
    source = """
        const path = "/dev/@connections/a";
        await finish((done) => https.request({ host: "ws.example.com", path }, done));
        await (await fetch(`https://ws.example.com${path}`)).text();
    """
    ask(harness, requests, source, {"BELLWIRE_TOKEN": "secret"})
    assert (len(requests.seen), requests.tokens) == (2, {"secret"})
    requests.tokens.clear()
    ask(
        harness,
        requests,
        "await (await fetch(event.url + '/other')).text();",
        {"BELLWIRE_TOKEN": "secret"},
    )
    assert requests.tokens == {None}


def test_the_clients_of_the_sdk_reach_the_node(harness: Harness, node: str) -> None:
    if not (TOOLS / "@aws-sdk" / "client-apigatewaymanagementapi").exists():
        reason = "the AWS SDK is not installed; to run this test: tests/tools/setup.sh"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    (harness.folder / "node_modules").symlink_to(TOOLS)
    requests = Requests()
    ask(
        harness,
        requests,
        """
        const sdk = require("@aws-sdk/client-apigatewaymanagementapi");
        for (const endpoint of [
          undefined,
          "https://abcdef1234.execute-api.eu-west-1.amazonaws.com/prod",
          "https://ws.example.com",
          event.url + "/test",
        ]) {
          const client = new sdk.ApiGatewayManagementApiClient({ endpoint });
          await client.send(new sdk.PostToConnectionCommand(
            { ConnectionId: event.id, Data: Buffer.from("hello") }));
        }
        """,
    )
    own = requests.url.removeprefix("http://")
    path = "@connections/L0SM9cOFvHcCIhw%3D"
    assert requests.seen == [
        ("POST", f"/dev/{path}", own, "hello"),
        ("POST", f"/prod/{path}", "abcdef1234.execute-api.eu-west-1.amazonaws.com", "hello"),
        ("POST", f"/dev/{path}", "ws.example.com", "hello"),
        ("POST", f"/test/{path}", own, "hello"),
    ]
