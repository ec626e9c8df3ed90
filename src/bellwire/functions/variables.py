"""The environment variables of a function's process.

docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bellwire.definition.model import Function
from bellwire.definition.requirements import layer_folders, own_python


@dataclass(frozen=True, slots=True)
class RuntimeSettings:
    """What all functions of a node have in common.

    `directory` is the folder of serverless.yml, `http_url` where the node listens, without a
    trailing slash. `token` is what functions show where @connections asks for a signature.
    `environment` are the variables to pick from; None means the node's own. `debug` is the key of
    the function that somebody debugs at the node's terminal. In `temporary` each environment gets a
    folder that becomes its `/tmp`; None leaves it the machine's.
    `authorities` are variables of CA_BUNDLES: the files by which clients trust the node's
    certificate.
    """

    directory: Path
    region: str
    account_id: str
    stage: str
    http_url: str
    token: str | None = None
    environment: Mapping[str, str] | None = None
    debug: str | None = None
    temporary: Path | None = None
    authorities: Mapping[str, str] = field(default_factory=dict)


HTTP_URL = "BELLWIRE_HTTP_URL"
STAGE = "BELLWIRE_STAGE"
TOKEN = "BELLWIRE_TOKEN"
"""Ours: where the node listens and what it asks for, for the boto3 hook in the function's
process."""

NODE_CA = "NODE_EXTRA_CA_CERTS"
_AWS_CA = "AWS_CA_BUNDLE"
CA_BUNDLES: Mapping[str, tuple[str, ...]] = {
    NODE_CA: (),
    "SSL_CERT_FILE": (),
    "CURL_CA_BUNDLE": ("SSL_CERT_FILE",),
    "REQUESTS_CA_BUNDLE": ("CURL_CA_BUNDLE",),
    _AWS_CA: ("REQUESTS_CA_BUNDLE",),
}
"""Variables that name a file with the authorities to trust, and those that the same clients look at
where it is not set."""

_PASSED = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "VIRTUAL_ENV",
        "NODE_OPTIONS",
        "NODE_PATH",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "SSL_CERT_DIR",
        *CA_BUNDLES,
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
    }
)
_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"})
_PASSED_PREFIXES = ("AWS_", "PYTHON")
_LAMBDA_PREFIX = "AWS_LAMBDA_"

_CREDENTIALS = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CONFIG_FILE",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    }
)
_PLACEHOLDER = "bellwire"
_NODE_RUNTIME = re.compile(r"nodejs(\d+)\.x")


def pick_inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the node that its functions see too."""
    return {
        name: value
        for name, value in environment.items()
        if (name.upper() in _PASSED or name.startswith(_PASSED_PREFIXES))
        and not name.startswith(_LAMBDA_PREFIX)
    }


def make_variables(
    function: Function,
    runtime: RuntimeSettings,
    inherited: Mapping[str, str],
    *,
    has_aws_files: bool,
    runtime_folder: str,
) -> dict[str, str]:
    """Return the variables of one function, but for those that differ by environment.

    The function's own win over inherited ones, Lambda's reserved ones over both. Where no AWS
    credentials are configured, placeholders let clients sign; `has_aws_files` tells whether
    there are files in ~/.aws. Clients of what the node serves are told its address: boto3 in a
    Python handler finds it without (see `boto`), other clients and programs that it runs do not.
    """
    activated = _activated(function, runtime.directory, inherited)
    given = _endpoints(runtime) | _authorities(function, runtime, has_aws_files=has_aws_files)
    variables = {**inherited, **activated, **given, **function.environment}
    if any(name.upper() in _PROXIES for name in variables):
        variables |= _spare_loopback(variables)
    variables |= _search_paths(function, variables)
    if not has_aws_files and not _has_credentials(variables):
        variables |= {
            "AWS_ACCESS_KEY_ID": _PLACEHOLDER,
            "AWS_SECRET_ACCESS_KEY": _PLACEHOLDER,
            "AWS_SESSION_TOKEN": _PLACEHOLDER,
        }
    variables.setdefault("TZ", ":UTC")
    variables.setdefault("LANG", "en_US.UTF-8")
    variables.setdefault("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR")
    if runtime.token is not None:
        variables[TOKEN] = runtime.token
    return variables | _reserved(function, runtime, runtime_folder)


def _reserved(function: Function, runtime: RuntimeSettings, runtime_folder: str) -> dict[str, str]:
    """Return the variables that nobody else may set."""
    logging = function.logging
    initialization = "provisioned-concurrency" if function.provisioned_concurrency else "on-demand"
    level = {"AWS_LAMBDA_LOG_LEVEL": logging.application_level} if logging.application_level else {}
    return {
        **level,
        "_HANDLER": function.handler,
        "AWS_REGION": runtime.region,
        "AWS_DEFAULT_REGION": runtime.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": initialization,
        "AWS_LAMBDA_LOG_FORMAT": logging.format,
        "AWS_LAMBDA_LOG_GROUP_NAME": logging.group or f"/aws/lambda/{function.name}",
        # Python's worker needs no Runtime API: the node answers there that it has none.
        "AWS_LAMBDA_RUNTIME_API": runtime.http_url.partition("://")[2],
        "LAMBDA_TASK_ROOT": str(runtime.directory),
        "LAMBDA_RUNTIME_DIR": runtime_folder,
        HTTP_URL: runtime.http_url,
        STAGE: runtime.stage,
    }


def _endpoints(runtime: RuntimeSettings) -> dict[str, str]:
    """Return where the AWS SDKs find what the node serves.

    docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    return {
        "AWS_ENDPOINT_URL_LAMBDA": runtime.http_url,
        "AWS_ENDPOINT_URL_IOT_DATA_PLANE": runtime.http_url,
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": f"{runtime.http_url}/{runtime.stage}",
    }


def _activated(function: Function, directory: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return what the activation of the service's own Python would set, for its programs."""
    python = own_python(directory) if function.runtime.startswith("python") else None
    if python is None:
        return {}
    path = ":".join(filter(None, (str(python.parent), inherited.get("PATH"))))
    return {"PATH": path, "VIRTUAL_ENV": str(python.parent.parent)}


def _search_paths(function: Function, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the search paths that lead into layers, after what is already in them.

    The last layer lies over those before, so it comes first
    [docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html].
    """
    layers = tuple(reversed(function.layers))
    folders: dict[str, Sequence[Path]] = {
        "PATH": [layer / "bin" for layer in layers],
        "LD_LIBRARY_PATH": [layer / "lib" for layer in layers],
    }
    if function.runtime.startswith("python"):
        folders["PYTHONPATH"] = layer_folders(function)
    elif (node := _NODE_RUNTIME.fullmatch(function.runtime)) is not None:
        subfolders = (f"node{node[1]}/node_modules", "node_modules")
        folders["NODE_PATH"] = [layer / "nodejs" / sub for sub in subfolders for layer in layers]
    return {
        name: ":".join(filter(None, (variables.get(name), *map(str, found))))
        for name, found in folders.items()
        if found
    }


def _authorities(
    function: Function, runtime: RuntimeSettings, *, has_aws_files: bool
) -> dict[str, str]:
    """Return the variables by which a function's clients trust the node's certificate.

    What the function says itself is left alone, with all that its clients may look at instead.
    AWS_CA_BUNDLE would hide the `ca_bundle` of ~/.aws/config, and boto3 in a Python function needs
    it not: its requests for the node are redirected to plain HTTP.
    """
    left_out = set()
    if not function.environment.keys().isdisjoint(CA_BUNDLES.keys() - {NODE_CA}):
        left_out = CA_BUNDLES.keys() - {NODE_CA}
    elif has_aws_files or function.runtime.startswith("python"):
        left_out = {_AWS_CA}
    return {name: file for name, file in runtime.authorities.items() if name not in left_out}


def _spare_loopback(variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables that keep a proxy out of the way to the node and its Runtime API."""
    spared = [value for name, value in variables.items() if name.upper() == "NO_PROXY"]
    value = ",".join([*spared, "127.0.0.1", "localhost"])
    return {"NO_PROXY": value, "no_proxy": value}


def _has_credentials(variables: Mapping[str, str]) -> bool:
    # Who says that the metadata service is not off means the role of the machine.
    uses_role = variables.get("AWS_EC2_METADATA_DISABLED", "").lower() == "false"
    return uses_role or not _CREDENTIALS.isdisjoint(variables)


def log_stream_name(date: str, environment_id: str) -> str:
    """Return the log stream of one environment; `date` is `YYYY/MM/DD`, the id 32 hex digits."""
    return f"{date}/[$LATEST]{environment_id}"


def function_arn(function_name: str, runtime: RuntimeSettings) -> str:
    """Return the ARN of a function by its deployed name."""
    partition = _partition(runtime.region)
    return f"arn:{partition}:lambda:{runtime.region}:{runtime.account_id}:function:{function_name}"


def _partition(region: str) -> str:
    prefixes = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
    return next((name for prefix, name in prefixes.items() if region.startswith(prefix)), "aws")


def aws_files(home: Path) -> Iterable[Path]:
    """Return where AWS credentials may be kept."""
    return (home / ".aws" / "credentials", home / ".aws" / "config")
