from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bellwire.definition.model import Function, Logging
from bellwire.errors import Place
from bellwire.functions.variables import (
    RuntimeSettings,
    aws_files,
    function_arn,
    log_stream_name,
    make_variables,
    pick_inherited,
)


if TYPE_CHECKING:
    from tests.functions.conftest import Harness


RUNTIME = RuntimeSettings(
    directory=Path("/srv/demo"),
    region="eu-west-1",
    account_id="123456789012",
    stage="dev",
    http_url="http://127.0.0.1:3001",
)


def make(
    inherited: Mapping[str, str],
    environment: Mapping[str, str] | None = None,
    *,
    has_aws_files: bool = False,
    runtime: str = "python3.12",
    runtime_settings: RuntimeSettings = RUNTIME,
    **settings: Any,
) -> dict[str, str]:
    function = Function(
        key="f",
        name="demo-dev-f",
        handler="h.f",
        runtime=runtime,
        timeout_s=6,
        memory_mb=256,
        environment=environment or {},
        reserved_concurrency=None,
        place=Place("serverless.yml", 1, 1),
        **settings,
    )
    return make_variables(
        function, runtime_settings, inherited, has_aws_files=has_aws_files, runtime_folder="/rt"
    )


def test_all_variables_of_a_function() -> None:
    variables = make({"PATH": "/bin"}, {"TABLE": "devices"})
    assert variables == {
        "PATH": "/bin",
        "TABLE": "devices",
        "TZ": ":UTC",
        "LANG": "en_US.UTF-8",
        "_HANDLER": "h.f",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "AWS_LAMBDA_FUNCTION_NAME": "demo-dev-f",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "Text",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/demo-dev-f",
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:3001",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:3001",
        "AWS_ENDPOINT_URL_IOT_DATA_PLANE": "http://127.0.0.1:3001",
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://127.0.0.1:3001/dev",
        "LAMBDA_TASK_ROOT": "/srv/demo",
        "LAMBDA_RUNTIME_DIR": "/rt",
        "BELLWIRE_HTTP_URL": "http://127.0.0.1:3001",
        "BELLWIRE_STAGE": "dev",
        "AWS_ACCESS_KEY_ID": "bellwire",
        "AWS_SECRET_ACCESS_KEY": "bellwire",
        "AWS_SESSION_TOKEN": "bellwire",
    }


def test_the_function_wins_over_the_node_and_lambda_over_both() -> None:
    variables = make(
        {"AWS_REGION": "node", "HOME": "node", "TZ": "node"},
        {"AWS_REGION": "function", "HOME": "function", "TZ": "Europe/Berlin"},
    )
    assert (variables["AWS_REGION"], variables["HOME"], variables["TZ"]) == (
        "eu-west-1",
        "function",
        "Europe/Berlin",
    )


@pytest.mark.parametrize(
    "configured",
    [
        {"AWS_ACCESS_KEY_ID": "mine"},
        {"AWS_PROFILE": "mine"},
        {"AWS_CONFIG_FILE": "/mine"},
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/mine"},
        {"AWS_EC2_METADATA_DISABLED": "false"},
    ],
)
def test_configured_credentials_are_left_alone(configured: dict[str, str]) -> None:
    assert "AWS_SECRET_ACCESS_KEY" not in make(configured)
    assert "AWS_SECRET_ACCESS_KEY" not in make({}, configured)
    assert configured.items() <= make(configured).items()


def test_placeholders_are_set_only_where_nothing_else_is() -> None:
    assert "AWS_ACCESS_KEY_ID" not in make({}, has_aws_files=True)
    assert make({"AWS_EC2_METADATA_DISABLED": "true"})["AWS_ACCESS_KEY_ID"] == "bellwire"


def test_the_nodes_own_variables_do_not_leak() -> None:
    assert pick_inherited(
        {
            "PATH": "/bin",
            "HOME": "/root",
            "PYTHONPATH": "/lib",
            "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:8000",
            "https_proxy": "http://proxy:3128",
            "AWS_LAMBDA_FUNCTION_NAME": "the node's",
            "DATABASE_PASSWORD": "secret",
            "LC_ALL": "de_DE",
        }
    ) == {
        "PATH": "/bin",
        "HOME": "/root",
        "PYTHONPATH": "/lib",
        "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:8000",
        "https_proxy": "http://proxy:3128",
    }


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_an_arn_names_the_partition_of_its_region(region: str, partition: str) -> None:
    runtime = RuntimeSettings(Path(), region, "123456789012", "dev", "http://x")
    assert function_arn("f", runtime) == (
        f"arn:{partition}:lambda:{region}:123456789012:function:f"
    )


def test_the_name_of_a_log_stream() -> None:
    assert log_stream_name("2024/11/23", "0123") == "2024/11/23/[$LATEST]0123"


def test_where_aws_keeps_credentials() -> None:
    assert [str(path) for path in aws_files(Path("/home/me"))] == [
        "/home/me/.aws/credentials",
        "/home/me/.aws/config",
    ]


@pytest.mark.parametrize("runtime", ["python3.12", "nodejs20.x", "provided.al2023"])
def test_clients_of_any_runtime_are_told_where_the_node_is(runtime: str) -> None:
    variables = make({"AWS_ENDPOINT_URL_LAMBDA": "http://elsewhere"}, runtime=runtime)
    assert variables == {**make({}), "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}"}
    own = {"AWS_ENDPOINT_URL_IOT_DATA_PLANE": "https://iot.example.com"}
    assert make({}, own, runtime=runtime).items() >= own.items()


AUTHORITIES = {
    "NODE_EXTRA_CA_CERTS": "/data/ca.pem",
    "SSL_CERT_FILE": "/data/trusted.pem",
    "CURL_CA_BUNDLE": "/data/trusted.pem",
    "REQUESTS_CA_BUNDLE": "/data/trusted.pem",
    "AWS_CA_BUNDLE": "/data/trusted.pem",
}


def trusted(
    environment: Mapping[str, str], runtime: str = "nodejs20.x", *, has_aws_files: bool = False
) -> dict[str, str]:
    """Return the variables with authorities of a function of a node that has all of them."""
    inherited = {"SSL_CERT_FILE": "/user.pem", "AWS_CA_BUNDLE": "/user.pem"}
    variables = make(
        inherited,
        environment,
        has_aws_files=has_aws_files,
        runtime=runtime,
        runtime_settings=replace(RUNTIME, authorities=AUTHORITIES),
    )
    return {name: value for name, value in variables.items() if name in AUTHORITIES}


@pytest.mark.parametrize("runtime", ["nodejs20.x", "provided.al2023"])
def test_clients_are_told_to_trust_the_node(runtime: str) -> None:
    assert trusted({}, runtime) == AUTHORITIES
    assert make({}, runtime=runtime).keys().isdisjoint(AUTHORITIES), "none is known"


def test_boto3_in_python_and_files_of_aws_keep_what_they_trust() -> None:
    user = {"AWS_CA_BUNDLE": "/user.pem"}
    assert trusted({}, "python3.12") == AUTHORITIES | user
    assert trusted({}, has_aws_files=True) == AUTHORITIES | user


def test_what_a_function_says_it_trusts_is_not_overruled() -> None:
    own = {"CURL_CA_BUNDLE": "/opt/own.pem"}
    user = {"SSL_CERT_FILE": "/user.pem", "AWS_CA_BUNDLE": "/user.pem"}
    assert trusted(own) == own | user | {"NODE_EXTRA_CA_CERTS": "/data/ca.pem"}
    own = {"NODE_EXTRA_CA_CERTS": "/opt/own.pem"}
    assert trusted(own) == AUTHORITIES | own


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("runtime", ["python3.12", "nodejs20.x", "provided.al2023"])
def test_no_proxy_stands_between_a_function_and_the_node(name: str, runtime: str) -> None:
    spared = "127.0.0.1,localhost"
    variables = make({name: "http://proxy:3128"}, runtime=runtime)
    assert (variables["NO_PROXY"], variables["no_proxy"]) == (spared, spared)
    variables = make({name: "http://proxy", "no_proxy": ".corp"}, runtime=runtime)
    assert (variables["NO_PROXY"], variables["no_proxy"]) == (f".corp,{spared}", f".corp,{spared}")
    assert "NO_PROXY" not in make({}, runtime=runtime)


def test_how_a_function_logs_and_starts() -> None:
    variables = make({}, provisioned_concurrency=2, logging=Logging("JSON", "WARN", "INFO", "/own"))
    assert variables["AWS_LAMBDA_INITIALIZATION_TYPE"] == "provisioned-concurrency"
    assert variables["AWS_LAMBDA_LOG_FORMAT"] == "JSON"
    assert variables["AWS_LAMBDA_LOG_LEVEL"] == "WARN"
    assert variables["AWS_LAMBDA_LOG_GROUP_NAME"] == "/own"
    assert "AWS_LAMBDA_LOG_LEVEL" not in make({})


LAYERS = (Path("/l/low"), Path("/l/high"))


def test_python_finds_what_is_in_layers() -> None:
    variables = make({"PATH": "/bin", "PYTHONPATH": "/mine"}, layers=LAYERS)
    assert variables["PYTHONPATH"].split(":") == [
        "/mine",
        "/l/high/python/lib/python3.12/site-packages",
        "/l/low/python/lib/python3.12/site-packages",
        "/l/high/python",
        "/l/low/python",
    ]
    assert variables["PATH"] == "/bin:/l/high/bin:/l/low/bin"
    assert variables["LD_LIBRARY_PATH"] == "/l/high/lib:/l/low/lib"
    assert "NODE_PATH" not in variables


def test_node_finds_what_is_in_layers() -> None:
    variables = make({}, {"NODE_PATH": "/mine"}, runtime="nodejs20.x", layers=LAYERS)
    assert variables["NODE_PATH"].split(":") == [
        "/mine",
        "/l/high/nodejs/node20/node_modules",
        "/l/low/nodejs/node20/node_modules",
        "/l/high/nodejs/node_modules",
        "/l/low/nodejs/node_modules",
    ]
    assert variables["PATH"] == "/l/high/bin:/l/low/bin"
    assert "PYTHONPATH" not in variables


def test_executables_find_programs_and_libraries_in_layers() -> None:
    variables = make({}, runtime="provided.al2023", layers=LAYERS[:1])
    assert (variables["PATH"], variables["LD_LIBRARY_PATH"]) == ("/l/low/bin", "/l/low/lib")
    assert not {"PYTHONPATH", "NODE_PATH"} & variables.keys()


def test_the_services_own_python_is_activated(tmp_path: Path) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    runtime = replace(RUNTIME, directory=tmp_path)

    def activated(inherited: Mapping[str, str], **settings: Any) -> list[str | None]:
        variables = make(inherited, runtime_settings=runtime, **settings)
        return [variables.get("PATH"), variables.get("VIRTUAL_ENV")]

    inherited = {"PATH": "/bellwire/bin:/bin", "VIRTUAL_ENV": "/bellwire"}
    own = str(tmp_path / ".venv")
    assert activated(inherited) == [f"{own}/bin:/bellwire/bin:/bin", own]
    assert activated({}) == [f"{own}/bin", own]
    assert activated({}, environment={"PATH": "/mine"}) == ["/mine", own]
    assert activated(inherited, runtime="nodejs20.x") == [*inherited.values()]


def make_layer(harness: Harness, name: str) -> Path:
    """Make a layer whose parts all say its name."""
    for file, text in {
        "python/said.py": f"NAME = {name!r}\n",
        "nodejs/node_modules/said/index.js": f"module.exports = {name!r};\n",
        "bin/said": f"#!/bin/sh\necho {name}\n",
    }.items():
        harness.write(text, f"{name}/{file}")
    (harness.folder / name / "bin" / "said").chmod(0o755)
    return harness.folder / name


def test_the_last_layer_lies_over_the_others(harness: Harness, node: str) -> None:
    layers = (make_layer(harness, "low"), make_layer(harness, "high"))
    harness.write(
        """
        import said, subprocess
        def f(event, context):
            return [said.NAME, subprocess.check_output(["said"], text=True)]
        """
    )
    harness.write(
        """
        const { execFileSync } = require("node:child_process");
        exports.f = async () => [require("said"), execFileSync("said").toString()];
        """,
        "n.js",
    )

    async def main() -> None:
        python = replace(harness.function("f"), layers=layers)
        script = replace(harness.function("n", handler="n.f", runtime="nodejs20.x"), layers=layers)
        async with harness.running(python, script) as pools:
            for key in ("f", "n"):
                assert await harness.value(pools, key) == ["high", "high\n"]

    asyncio.run(main())


def test_a_program_that_a_handler_runs_finds_the_node(harness: Harness) -> None:
    harness.write(
        """
        import subprocess, sys
        CODE = (
            "import boto3; names = 'lambda', 'iot-data', 'apigatewaymanagementapi';"
            "print(*(boto3.client(name).meta.endpoint_url for name in names))"
        )
        def f(event, context):
            return subprocess.check_output([sys.executable, "-c", CODE], text=True).split()
        """
    )

    async def main() -> None:
        async with harness.running(harness.function(), http_url="http://127.0.0.1:4") as pools:
            assert await harness.value(pools) == [
                "http://127.0.0.1:4",
                "http://127.0.0.1:4",
                "http://127.0.0.1:4/dev",
            ]

    asyncio.run(main())
