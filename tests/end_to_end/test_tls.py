"""https://{domainName}/{stage} leads from a handler to the node: real clients, none redirected."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import boto3
import pytest
import trustme
from websockets.sync.client import connect


if TYPE_CHECKING:
    from tests.end_to_end.conftest import Node, StartNode

Run = Callable[..., "subprocess.CompletedProcess[str]"]

TOOLS = Path(__file__).parent.parent / "tools" / "node_modules"

SERVICE = """\
service: encrypted
provider: {name: aws, runtime: python3.12, timeout: 20}
functions:
  urllib:
    handler: handler.with_urllib
    events: [{websocket: urllib}]
  requests:
    handler: handler.with_requests
    events: [{websocket: requests}]
  curl:
    handler: clients.curl
    runtime: nodejs20.x
    events: [{websocket: curl}]
  https:
    handler: clients.child
    runtime: nodejs20.x
    events: [{websocket: https}]
  sdk:
    handler: clients.sdk
    runtime: nodejs20.x
    events: [{websocket: sdk}]
  tls:
    handler: clients.raw
    runtime: nodejs20.x
    events: [{websocket: tls}]
  executable:
    handler: bootstrap
    runtime: provided.al2023
    events: [{websocket: executable}]
"""
HANDLER = """\
import urllib.request

import requests


def address(event):
    context = event["requestContext"]
    base = f"https://{context['domainName']}/{context['stage']}"
    return f"{base}/@connections/{context['connectionId']}"


def with_urllib(event, context):
    with urllib.request.urlopen(address(event), b"from urllib") as answer:
        assert answer.status == 200
    return {"statusCode": 200}


def with_requests(event, context):
    requests.post(address(event), data="from requests").raise_for_status()
    return {"statusCode": 200}
"""
BOOTSTRAP = """\
#!{python}
import json
import os
import urllib.request

from handler import address

api = f"http://{{os.environ['AWS_LAMBDA_RUNTIME_API']}}/2018-06-01/runtime/invocation"
while True:
    with urllib.request.urlopen(f"{{api}}/next") as answer:
        request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.load(answer)
    urllib.request.urlopen(address(event), b"from executable").close()
    answer = b'{{"statusCode": 200}}'
    urllib.request.urlopen(f"{{api}}/{{request_id}}/response", answer).close()
"""
CLIENTS = """\
const { execFile } = require("node:child_process");
const { promisify } = require("node:util");
const tls = require("node:tls");
const run = promisify(execFile);

function address({ requestContext: { domainName, stage, connectionId } }) {
  return { domainName, stage, connectionId, url:
    `https://${domainName}/${stage}/@connections/${encodeURIComponent(connectionId)}` };
}

exports.curl = async (event) => {
  await run("curl", ["--fail", "--silent", "--show-error", "--data", "from curl",
    address(event).url]);
  return { statusCode: 200 };
};

// A process of its own: what it sends is not redirected.
async function inChild(event, script) {
  await run(process.execPath, ["-e", script, JSON.stringify(address(event))]);
  return { statusCode: 200 };
}

exports.child = (event) => inChild(event, `
  const { url } = JSON.parse(process.argv[1]);
  require("node:https").request(url, { method: "POST" }, (answer) => {
    process.exitCode = answer.statusCode === 200 ? 0 : 1;
    answer.resume();
  }).end("from https");
`);

exports.sdk = (event) => inChild(event, `
  const { domainName, stage, connectionId } = JSON.parse(process.argv[1]);
  const sdk = require("@aws-sdk/client-apigatewaymanagementapi");
  const client = new sdk.ApiGatewayManagementApiClient({
    endpoint: "https://" + domainName + "/" + stage });
  client.send(new sdk.PostToConnectionCommand({
    ConnectionId: connectionId, Data: Buffer.from("from sdk") }));
`);

exports.raw = async (event) => {
  const { domainName, stage, connectionId } = address(event);
  const [host, port] = domainName.split(":");
  const socket = tls.connect({ host, port, servername: host === "localhost" ? host : undefined });
  const path = `/${stage}/@connections/${encodeURIComponent(connectionId)}`;
  socket.end(`POST ${path} HTTP/1.1\\r\\nHost: ${domainName}\\r\\nConnection: close\\r\\n` +
    "Content-Length: 8\\r\\n\\r\\nfrom tls");
  for await (const _ of socket);
  return { statusCode: 200 };
};
"""


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            reason = f"{program} is not installed; to run this test: sudo apt-get install {program}"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)


def functions(folder: Path) -> list[str]:
    """Write the service; return its routes, but for the SDK's where that is not installed."""
    folder.mkdir()
    (folder / "bootstrap").write_text(BOOTSTRAP.format(python=sys.executable))
    (folder / "bootstrap").chmod(0o755)
    routes = ["urllib", "requests", "curl", "https", "tls", "executable"]
    if (TOOLS / "@aws-sdk" / "client-apigatewaymanagementapi").exists():
        (folder / "node_modules").symlink_to(TOOLS)
        return [*routes, "sdk"]
    assert not os.environ.get("CI"), "the AWS SDK is not installed: tests/tools/setup.sh"
    return routes


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_clients_of_every_kind_reach_the_node_by_https(
    start_node: StartNode, tmp_path: Path, host: str
) -> None:
    needs("node", "curl")
    folder = tmp_path / "service"
    routes = functions(folder)
    files = {"serverless.yml": SERVICE, "handler.py": HANDLER, "clients.js": CLIENTS}
    node = start_node(service=files, folder=folder)
    with connect(node.websocket_url.replace("127.0.0.1", host), compression=None) as app:
        for route in routes:
            app.send(json.dumps({"action": route}))
            assert app.recv(timeout=15) == f"from {route}", node.log_text()


def trusting(node: Node) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=node.folder / ".bellwire" / "tls" / "ca.pem")


def test_apps_and_boto3_outside_trust_the_authority_once(start_node: StartNode) -> None:
    node = start_node()
    context = trusting(node)
    for _ in range(2):
        url = node.http_url.replace("http", "https").replace("127.0.0.1", "localhost")
        with urlopen(f"{url}/healthz", context=context) as answer:
            assert answer.status == 200
        with connect(f"{url.replace('https', 'wss')}/dev", ssl=context) as app:
            app.send('{"action":"set_notify_list","notify_list":[]}')
            assert json.loads(app.recv(timeout=15))["event"] == "notify_list"
        api = boto3.client(
            "apigatewaymanagementapi",
            endpoint_url=f"{url}/dev",
            verify=str(node.folder / ".bellwire" / "tls" / "ca.pem"),
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        with pytest.raises(api.exceptions.GoneException):
            api.post_to_connection(ConnectionId="AAAAAAAAAAAAAAA=", Data=b"x")
        api.close()
        assert node.stop() == 0
        node.start()  # the authority stays, so what trusts it need not be told anew


def test_keys_are_for_this_user_alone(start_node: StartNode) -> None:
    node = start_node()
    folder = node.folder / ".bellwire" / "tls"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert {modes["ca-key.pem"], modes["server.pem"]} == {0o600}
    assert "PRIVATE KEY" not in (folder / "ca.pem").read_text()


def production(folder: Path) -> tuple[list[str], ssl.SSLContext]:
    """Write a certificate as an authority outside would give it; return options and trust."""
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost", "ws.example.com")
    certificate, key = folder / "fullchain.pem", folder / "privkey.pem"
    certificate.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    return ["--tls-certificate", str(certificate), "--tls-key", str(key)], context


def test_a_certificate_of_ones_own_is_served_instead(start_node: StartNode, tmp_path: Path) -> None:
    options, context = production(tmp_path)
    node = start_node(*options)
    url = node.http_url.replace("http", "https").replace("127.0.0.1", "localhost")
    with urlopen(f"{url}/healthz", context=context) as answer:
        assert answer.status == 200
    with connect(f"{url.replace('https', 'wss')}/dev", ssl=context):
        pass
    assert not (node.folder / ".bellwire" / "tls").exists()
    assert node.http_url.startswith("http://127.0.0.1:"), "plain is served too"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--tls-certificate", "c.pem"], "--tls-certificate is given without --tls-key"),
        (["--tls-key", "c.pem"], "--tls-key is given without --tls-certificate"),
        (["--tls-certificate", "no.pem", "--tls-key", "no.pem"], "no.pem cannot be read"),
        (["--tls-certificate", "c.pem", "--tls-key", "c.pem"], "no certificate with its key"),
    ],
)
def test_wrong_files_are_told_in_one_sentence(
    bellwire: Run, tmp_path: Path, options: list[str], sentence: str
) -> None:
    (tmp_path / "c.pem").write_text("no certificate")
    done = bellwire("run", "--port", "0", "--mqtt-port", "0", *options)
    assert done.returncode == 2, done
    assert sentence in done.stderr
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_authority_is_told_in_one_sentence(bellwire: Run, tmp_path: Path) -> None:
    folder = tmp_path / ".bellwire" / "tls"
    folder.mkdir(parents=True)
    (folder / "ca-key.pem").write_text("broken")
    done = bellwire("run", "--port", "0", "--mqtt-port", "0")
    assert done.returncode == 2, done
    assert "ca-key.pem does not hold the key and the certificate" in done.stderr
    assert "hint: remove it" in done.stderr
