"""The bundled serverless.yml is a true one: the Serverless Framework takes it, and so do we."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from bellwire.definition import load_service


ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "src" / "bellwire" / "templates" / "parameter_notifier"
OSLS = ROOT / "tests" / "tools" / "node_modules" / ".bin" / "osls"
RULE_SQL = "SELECT topic(2) AS device_id, * AS payload FROM 'devices/+/parameters'"
HANDLERS = {
    "WebsocketConnectHandler": "connect",
    "WebsocketDisconnectHandler": "disconnect",
    "WebsocketSetNotifyListHandler": "set_notify_list",
    "NotifyParameter": "notify_parameter",
}


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Package the application as its README says, with the real framework."""
    if not OSLS.exists():
        reason = "osls is not installed; to run this test: cd tests/tools && npm ci"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("service") / "app"
    shutil.copytree(TEMPLATE, folder)
    sdk = folder / "bellwire" / "notify"
    shutil.copytree(ROOT / "src" / "bellwire" / "notify", sdk)
    shutil.copy(ROOT / "src" / "bellwire" / "__init__.py", sdk.parent)
    (sdk / "__pycache__").mkdir(exist_ok=True)  # pip leaves what its own Python compiled
    (sdk / "__pycache__" / "sdk.cpython-311.pyc").write_bytes(b"")
    done = subprocess.run(
        [str(OSLS), "package"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder.parent),
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / ".serverless"


@pytest.fixture(scope="module")
def resources(packaged: Path) -> dict[str, Any]:
    template = json.loads((packaged / "cloudformation-template-update-stack.json").read_text())
    found: dict[str, Any] = template["Resources"]
    return found


def of_type(resources: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each["Properties"] for each in resources.values() if each["Type"] == kind]


def test_the_framework_makes_our_routes(resources: dict[str, Any]) -> None:
    (api,) = of_type(resources, "AWS::ApiGatewayV2::Api")
    assert api["RouteSelectionExpression"] == "$request.body.action"
    routes = {
        route["RouteKey"]: route.get("RouteResponseSelectionExpression")
        for route in of_type(resources, "AWS::ApiGatewayV2::Route")
    }
    assert routes == {"$connect": None, "$disconnect": None, "set_notify_list": "$default"}
    (response,) = of_type(resources, "AWS::ApiGatewayV2::RouteResponse")
    assert resources[response["RouteId"]["Ref"]]["Properties"]["RouteKey"] == "set_notify_list"
    assert response["RouteResponseKey"] == "$default"


def test_each_route_runs_its_function(resources: dict[str, Any]) -> None:
    runs = {}
    for route in of_type(resources, "AWS::ApiGatewayV2::Route"):
        separator, (kind, integration) = route["Target"]["Fn::Join"]
        assert (separator, kind) == ("/", "integrations")
        uri = resources[integration["Ref"]]["Properties"]["IntegrationUri"]["Fn::Join"][1]
        (function,) = (each["Fn::GetAtt"][0] for each in uri if "Fn::GetAtt" in each)
        runs[route["RouteKey"]] = function
    assert runs == {
        "$connect": "WebsocketConnectHandlerLambdaFunction",
        "$disconnect": "WebsocketDisconnectHandlerLambdaFunction",
        "set_notify_list": "WebsocketSetNotifyListHandlerLambdaFunction",
    }


def test_the_framework_makes_our_functions(resources: dict[str, Any]) -> None:
    functions = {
        function["FunctionName"].rpartition("-")[2]: function
        for function in of_type(resources, "AWS::Lambda::Function")
    }
    assert {name: function["Handler"] for name, function in functions.items()} == {
        name: f"subscribers/websocket_event_handler.{handler}" for name, handler in HANDLERS.items()
    }
    endpoint = "https://${WebsocketsApi}.execute-api.${AWS::Region}.amazonaws.com/dev"
    for function in functions.values():
        assert function["Runtime"] == "python3.12"
        assert function["Environment"]["Variables"] == {
            "NOTIFIER_TABLE": {"Ref": "NotifierTable"},
            "NOTIFIER_ENDPOINT": {"Fn::Sub": endpoint},
        }


def test_the_functions_may_do_what_the_sdk_does(resources: dict[str, Any]) -> None:
    (role,) = of_type(resources, "AWS::IAM::Role")
    (policy,) = role["Policies"]
    allowed = {
        action: statement["Resource"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in statement["Action"]
    }
    table = {"Fn::GetAtt": ["NotifierTable", "Arn"]}
    for action in ("BatchGetItem", "BatchWriteItem", "GetItem", "PutItem", "Query"):
        assert allowed[f"dynamodb:{action}"] == table
    assert "execute-api:ManageConnections" in allowed


def test_the_framework_makes_the_table_that_the_sdk_writes(resources: dict[str, Any]) -> None:
    (table,) = of_type(resources, "AWS::DynamoDB::Table")
    assert table == {
        "TableName": "parameter-notifier-dev",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
    }


def test_the_framework_makes_our_rule(resources: dict[str, Any]) -> None:
    (rule,) = of_type(resources, "AWS::IoT::TopicRule")
    payload = rule["TopicRulePayload"]
    assert rule["RuleName"] == "notify_parameter_dev"
    assert payload["Sql"] == RULE_SQL
    assert payload["AwsIotSqlVersion"] == "2016-03-23"
    assert payload["RuleDisabled"] is False
    (action,) = payload["Actions"]
    function = {"Fn::GetAtt": ["NotifyParameterLambdaFunction", "Arn"]}
    assert action == {"Lambda": {"FunctionArn": function}}


def test_the_package_holds_the_handlers_and_the_sdk(packaged: Path) -> None:
    with ZipFile(packaged / "parameter-notifier.zip") as archive:
        names = set(archive.namelist())
    assert {
        "subscribers/websocket_event_handler.py",
        "bellwire/__init__.py",
        "bellwire/notify/__init__.py",
        "bellwire/notify/sdk.py",
        "bellwire/notify/aws.py",
        "bellwire/notify/lists.py",
    } <= names
    assert not any(name.startswith("bellwire/templates") for name in names)
    assert not any("__pycache__" in name for name in names)


def test_the_package_runs_on_what_lambda_has(packaged: Path, tmp_path: Path) -> None:
    """The handlers' module starts from the package: with boto3, and nothing else of ours."""
    with ZipFile(packaged / "parameter-notifier.zip") as archive:
        archive.extractall(tmp_path)
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from subscribers import websocket_event_handler as handlers\n"
        "print(handlers.connect({}, None), type(handlers.notifier._backend).__name__)\n"
        "print(sys.modules['bellwire.notify'].__file__)\n"
        "print({'orjson', 'yaml', 'aiohttp', 'bellwire.limits'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env={
            "PATH": os.environ["PATH"],
            "AWS_DEFAULT_REGION": "us-east-1",
            "NOTIFIER_TABLE": "parameter-notifier-dev",
            "NOTIFIER_ENDPOINT": "https://abcdefghij.execute-api.us-east-1.amazonaws.com/dev",
        },
    )
    assert done.stdout.splitlines() == [
        "{'statusCode': 200} AwsBackend",
        str(tmp_path / "bellwire" / "notify" / "__init__.py"),
        "set()",
    ], done.stderr


def test_we_read_the_same() -> None:
    service = load_service(TEMPLATE, env={})
    assert {route.route_key: route.two_way for route in service.api.stages[0].routes} == {
        "$connect": False,
        "$disconnect": False,
        "set_notify_list": True,
    }
    assert {
        key: function.handler.rpartition(".")[2] for key, function in service.functions.items()
    } == HANDLERS
    (rule,) = service.rules
    assert (rule.name, rule.sql, rule.sql_version) == (
        "notify_parameter_dev",
        RULE_SQL,
        "2016-03-23",
    )
    variables = service.functions["NotifyParameter"].environment
    assert variables["NOTIFIER_TABLE"] == "parameter-notifier-dev"
    assert variables["NOTIFIER_ENDPOINT"] == (
        f"https://{service.api.api_id}.execute-api.us-east-1.amazonaws.com/dev"
    )
