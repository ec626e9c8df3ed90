from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bellwire import definition
from bellwire.definition import (
    Finding,
    Function,
    Integration,
    LambdaAction,
    Route,
    Service,
    Stage,
    TextRun,
    TopicRule,
    WebSocketApi,
    load_service,
)
from bellwire.errors import (
    DefinitionError,
    Place,
    UnresolvedVariableError,
    UnsupportedFeatureError,
)
from bellwire.limits import Limits


Load = Callable[..., Service]
Refuse = Callable[..., tuple[type[DefinitionError], str, str | None]]

HERE = f"python{sys.version_info.major}.{sys.version_info.minor}"
CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "serverless"

WHOLE = f"""\
service: thermostats
frameworkVersion: '4'
plugins: [serverless-offline]

provider:
  name: aws
  runtime: {HERE}
  region: ${{opt:region, 'eu-west-1'}}
  websocketsApiRouteSelectionExpression: $request.body.type
  websocketsDescription: pushes
  timeout: 10
  environment:
    STAGE: ${{sls:stage}}
    TABLE: !Ref Connections
    ENDPOINT: !Sub https://${{WebsocketsApi}}.execute-api.${{AWS::Region}}.amazonaws.com/${{sls:stage}}
  iam:
    role:
      statements: ${{file(iam.yml)}}

custom:
  topic: devices/+/parameters
  bellwire:
    limits: {{idleTimeoutS: 1200}}

functions:
  app:
    handler: src/app.handle
    events:
      - websocket: $connect
      - websocket:
          route: set
          routeResponseSelectionExpression: $default
      - http: get /
  notify-all:
    handler: src/app.notify
    memorySize: 256
    events:
      - iot:
          sql: >-
            SELECT topic(2) AS device_id
            FROM '${{self:custom.topic}}'
          sqlVersion: '2016-03-23'

resources:
  Resources:
    Connections:
      Type: AWS::DynamoDB::Table
      Properties:
        TableName: connections-${{sls:stage}}
"""


def test_a_whole_service(load: Load, folder: Path) -> None:
    (folder / "src").mkdir()
    (folder / "src" / "app.py").write_text("def handle(e, c): ...\ndef notify(e, c): ...\n")

    def at(line: int, column: int) -> Place:
        return Place("serverless.yml", line, column)

    def environment(stage: str, region: str) -> dict[str, str]:
        return {
            "STAGE": stage,
            "TABLE": f"connections-{stage}",
            "ENDPOINT": f"https://uogbf9l1nu.execute-api.{region}.amazonaws.com/{stage}",
        }

    def app(line: int, column: int) -> Integration:
        return Integration("AWS_PROXY", at(line, column), "app")

    expected = Service(
        name="thermostats",
        stage="dev",
        region="eu-west-1",
        account_id="000000000000",
        directory=folder.resolve(),
        file=folder.resolve() / "serverless.yml",
        functions={
            "app": Function(
                key="app",
                name="thermostats-dev-app",
                handler="src/app.handle",
                runtime=HERE,
                timeout_s=10.0,
                memory_mb=1024,
                environment=environment("dev", "eu-west-1"),
                reserved_concurrency=None,
                place=at(26, 3),
            ),
            "notify-all": Function(
                key="notify-all",
                name="thermostats-dev-notify-all",
                handler="src/app.notify",
                runtime=HERE,
                timeout_s=10.0,
                memory_mb=256,
                environment=environment("dev", "eu-west-1"),
                reserved_concurrency=None,
                place=at(34, 3),
            ),
        },
        apis=(
            WebSocketApi(
                api_id="uogbf9l1nu",
                name="dev-thermostats-websockets",
                route_selection_expression="$request.body.type",
                route_selection_place=at(9, 42),
                stages=(
                    Stage(
                        "dev",
                        (
                            Route("$connect", app(29, 20), False, at(29, 20)),
                            Route("set", app(29, 20), True, at(31, 18)),
                        ),
                        place=at(6, 3),
                    ),
                ),
            ),
        ),
        rules=(
            TopicRule(
                name="NotifyDashallIotTopicRule1",
                sql="SELECT topic(2) AS device_id FROM 'devices/+/parameters'",
                sql_version="2016-03-23",
                actions=(LambdaAction("notify-all", at(38, 9)),),
                error_action=None,
                enabled=True,
                description="",
                sql_place=at(40, 13),
                sql_runs=(
                    TextRun(0, 40, 13, True),
                    TextRun(29, 41, 13, True),
                    TextRun(36, 41, 19, False),
                    TextRun(55, 41, 39, True),
                ),
            ),
        ),
        limits=replace(Limits(), idle_timeout_s=1200.0),
        findings=(
            Finding(
                "`resources` of these types are not created here: `AWS::DynamoDB::Table`",
                at(46, 5),
                "create what the functions use; AWS_ENDPOINT_URL_DYNAMODB and the like name it",
            ),
            Finding("`http` events are not served here: skipped", at(33, 9)),
            Finding("without effect here: `plugins`", at(3, 1)),
            Finding("without effect here: `provider.iam`", at(16, 3)),
        ),
    )
    assert load(WHOLE) == expected
    assert load(WHOLE) == expected  # and the same again

    other = load(WHOLE, stage="prod", options={"region": "sa-east-1"})
    assert (other.stage, other.region, other.api.name) == (
        "prod",
        "sa-east-1",
        "prod-thermostats-websockets",
    )
    assert other.functions["app"].environment == environment("prod", "sa-east-1")
    assert other.api.api_id == expected.api.api_id


def test_the_shortest_service(load: Load) -> None:
    service = load("service: demo\nprovider: aws\n")
    assert (service.stage, service.region) == ("dev", "us-east-1")
    assert service.api.name == "dev-demo-websockets"
    assert service.api.route_selection_expression == "$request.body.action"
    assert service.api.stages == (Stage("dev", (), place=Place("serverless.yml", 2, 11)),)
    assert (service.functions, service.rules, service.findings) == ({}, (), ())


def test_names_of_the_api(load: Load) -> None:
    one, two = load("service: one\nprovider: aws\n"), load("service: {name: two}\nprovider: aws\n")
    assert (one.name, two.name) == ("one", "two")
    for api_id in (one.api.api_id, two.api.api_id):
        assert len(api_id) == 10
        assert set(api_id) <= set("abcdefghijklmnopqrstuvwxyz0123456789")
    assert one.api.api_id != two.api.api_id
    named = load("service: one\nprovider: {name: aws, websocketsApiName: 'my api'}\n")
    assert named.api.name == "my api"


def test_yaml_and_yml(folder: Path) -> None:
    Path("serverless.yaml").write_text("service: second\nprovider: aws\n")
    assert load_service(Path(), env={}).name == "second"
    Path("serverless.yml").write_text("service: first\nprovider: aws\n")
    assert load_service(Path(), env={}).name == "first"


def test_the_environment_is_an_argument(
    load: Load, head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLWIRE_TEST_VALUE", "from the process")
    text = head + "functions: {f: {handler: h.f, environment: {A: '${env:BELLWIRE_TEST_VALUE}'}}}\n"
    with pytest.raises(UnresolvedVariableError):
        load(text)
    service = load(text, env={"BELLWIRE_TEST_VALUE": "given"})
    assert service.functions["f"].environment == {"A": "given"}


def test_what_nobody_reads_may_lead_nowhere(load: Load, head: str) -> None:
    service = load(
        head
        + """\
custom: {secret: "${ssm:/none}", file: "${file(none.yml)}"}
resources: ${file(none.yml)}
plugins: ${file(none.js)}
layers: {x: "${self:none"}
functions:
  f: {handler: h.f, role: "${cf:none.Arn}", vpc: "${file(vpc.yml)}"}
"""
    )
    assert list(service.functions) == ["f"]


def test_misspelt_keys_are_reported(load: Load) -> None:
    service = load(
        f"service: demo\nprovider:\n  name: aws\n  runtime: {HERE}\n"
        "  websocketApiRouteSelectionExpression: $request.body.type\n  foo: 1\nfuntions: {}\n"
    )
    assert service.api.route_selection_expression == "$request.body.action"
    assert service.findings == (
        Finding(
            "unknown key `funtions`: ignored",
            Place("serverless.yml", 7, 1),
            "did you mean `functions`?",
        ),
        Finding(
            "unknown key `provider.websocketApiRouteSelectionExpression`: ignored",
            Place("serverless.yml", 5, 3),
            "did you mean `websocketsApiRouteSelectionExpression`?",
        ),
        Finding("unknown key `provider.foo`: ignored", Place("serverless.yml", 6, 3)),
    )


def test_no_file_names_the_folder_and_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        load_service(tmp_path, env={})
    assert str(caught.value) == f"there is no serverless.yml in {tmp_path}"
    assert caught.value.hint == (
        "`bellwire run` in a folder without one starts the bundled application"
    )
    (tmp_path / "serverless.ts").write_text("")
    with pytest.raises(DefinitionError) as caught:
        load_service(tmp_path, env={})
    assert caught.value.hint == "serverless.ts is not read; write it as serverless.yml"
    with pytest.raises(DefinitionError) as caught:
        load_service(tmp_path / ("x" * 300), env={})
    assert str(caught.value).endswith("xxx cannot be read: File name too long")


def test_places_name_the_file_as_it_was_given(tmp_path: Path) -> None:
    (tmp_path / "serverless.yml").write_text("a: 'x\n")
    with pytest.raises(DefinitionError) as caught:
        load_service(tmp_path, env={})
    assert caught.value.place == Place(f"{tmp_path}/serverless.yml", 1, 4)


@pytest.mark.parametrize(
    ("text", "kind", "message", "hint"),
    [
        ("- a\n", DefinitionError, "1:1: the file must hold a map, not a list", None),
        ("text\n", DefinitionError, "1:1: the file must hold a map, not `text`", None),
        (
            "f: {handler: h.f}\n",
            DefinitionError,
            "1:1: the file has no `provider`",
            "is it a part that another serverless.yml includes with ${file(…)}?",
        ),
        (
            "service: demo\nprovidr: aws\n",
            DefinitionError,
            "2:1: the file has no `provider`",
            "is `providr` misspelt?",
        ),
        (
            "provider: aws\n",
            DefinitionError,
            "1:1: the file has no `service`",
            "is it a part that another serverless.yml includes with ${file(…)}?",
        ),
        (
            "service: a_b\nprovider: aws\n",
            DefinitionError,
            "1:10: `a_b` is no name for a service: a letter, then letters, digits and `-`",
            None,
        ),
        (
            "service: [a]\nprovider: aws\n",
            DefinitionError,
            "1:10: `service` must be a text, not a list",
            None,
        ),
        (
            "service: {}\nprovider: aws\n",
            DefinitionError,
            "1:1: the file has no `service`",
            "is it a part that another serverless.yml includes with ${file(…)}?",
        ),
        (
            "service: demo\nprovider: []\n",
            DefinitionError,
            "2:11: `provider` must be a map, not a list",
            None,
        ),
        (
            "service: demo\nprovider: {}\n",
            DefinitionError,
            "2:11: `provider` has no name",
            "write `name: aws`",
        ),
        (
            "service: demo\nprovider: google\n",
            UnsupportedFeatureError,
            "2:11: the provider is `google`; Bellwire runs services of aws",
            None,
        ),
        (
            "service: demo\nprovider: {name: aws, stage: a_b}\n",
            DefinitionError,
            "2:30: `a_b` is no stage: letters, digits and `-`",
            None,
        ),
        (
            "service: demo\nprovider: {name: aws, region: moon}\n",
            DefinitionError,
            "2:31: `moon` is no AWS region",
            "one is us-east-1",
        ),
        (
            "service: demo\nprovider: {name: aws, websocketsApiName: [x]}\n",
            DefinitionError,
            "2:42: `provider.websocketsApiName` must be a text, not a list",
            None,
        ),
        (
            f"service: demo\nprovider: {{name: aws, runtime: {HERE}, timeout: 0}}\n"
            "functions: {f: {handler: h.f}}\n",
            DefinitionError,
            f"2:{43 + len(HERE)}: `provider.timeout` must be a whole number from 1 to 900, not `0`",
            None,
        ),
    ],
)
def test_a_wrong_head_is_refused(
    refuse: Refuse, text: str, kind: type[DefinitionError], message: str, hint: str | None
) -> None:
    assert refuse(text) == (kind, f"serverless.yml:{message}", hint)


def test_a_stage_from_the_command_line_has_no_place(load: Load) -> None:
    with pytest.raises(DefinitionError) as caught:
        load("service: demo\nprovider: aws\n", stage="a/b")
    assert str(caught.value) == "`a/b` is no stage: letters, digits and `-`"


def test_a_route_belongs_to_one_function(refuse: Refuse, head: str) -> None:
    text = """\
functions:
  a:
    handler: h.f
    events: [{websocket: hello}]
  b:
    handler: h.f
    events: [{websocket: {route: hello}}]
"""
    assert refuse(head + text)[1] == (
        "serverless.yml:9:34: the route `hello` is there twice, for `a` and for `b`; "
        "the first is at serverless.yml:6:26"
    )


def test_a_rule_has_a_name_of_its_own(refuse: Refuse, head: str) -> None:
    text = """\
functions:
  a:
    handler: h.f
    events:
      - iot: {sql: x, name: same}
      - iot: {sql: y, name: same}
"""
    assert refuse(head + text)[1] == (
        "serverless.yml:8:20: two rules have the name same; the first is at serverless.yml:7:20"
    )


def test_handlers_are_checked_where_they_are_written(refuse: Refuse, head: str) -> None:
    text = head + "functions:\n  f:\n    handler: h.g\n"
    assert refuse(text)[1] == "serverless.yml:5:14: h.py has no function `g`"


def test_the_public_names() -> None:
    assert sorted(definition.__all__) == definition.__all__
    assert all(hasattr(definition, name) for name in definition.__all__)


def outcome() -> Service | DefinitionError:
    """What loading the service in the current folder gives; any other exception is a bug."""
    try:
        return load_service(Path(), env={})
    except DefinitionError as error:
        return error


needs_corpus = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the collection of published files is not on this machine"
)
PUBLISHED = sorted(path.name for path in CORPUS.glob("*.yml")) if CORPUS.is_dir() else []


@needs_corpus
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_files_load_or_say_why_not(folder: Path, name: str) -> None:
    Path("serverless.yml").write_bytes((CORPUS / name).read_bytes())
    found = outcome()
    if isinstance(found, DefinitionError):
        assert found.place, "what is wrong in a file has a place"
        assert found.place.file == "serverless.yml"


@needs_corpus
def test_published_files_load_once_their_handlers_are_python(folder: Path) -> None:
    """Most are for Node.js; as Python services with handlers that are there they load."""
    routes, rules, refused = 0, 0, {}
    for name in PUBLISHED:
        text = (CORPUS / name).read_text()
        lines = [
            f"{line.partition('runtime:')[0]}runtime: {HERE}" if "runtime: " in line else line
            for line in text.splitlines()
        ]
        Path("serverless.yml").write_text("\n".join(lines))
        for line in lines:
            handler = line.partition("handler:")[2].strip()
            module = Path(handler.rpartition(".")[0].lstrip("/").replace(".", "/") + ".py")
            if handler.count("."):
                module.parent.mkdir(parents=True, exist_ok=True)
                module.write_text("from somewhere import *\n")
        try:
            service = load_service(
                Path(), env={"REDIS_HOST": "", "REDIS_PORT": "", "REDIS_PASSWORD": ""}
            )
        except DefinitionError as error:
            refused[name.removesuffix(".yml")] = str(error).partition(": ")[2]
        else:
            routes += len(service.api.stages[0].routes)
            rules += len(service.rules)
    route_key = "unknown key `functions.{}.events[0].websocket.routeKey`"
    assert refused == {
        "06": route_key.format("onConnect"),
        "21": "the route `makeMultiCalls` is there twice, for `multiCall1` and for `multiCall2`; "
        "the first is at serverless.yml:82:18",
        "29": route_key.format("connectionManager"),
        "40": "the file has no `provider`",
        "46": "unknown key `functions.SocketConnect.events[0].websocket.cors`",
        "48": "the file has no `provider`",
        "50": "`./src/connect.socket`: Lambda cannot import `./src/connect`",
        "55": "the option `--service` is not set",
        "59": "`bin/app` is no handler",
        "iot_03": "there is no file `env.yml` in .",
        "iot_04": "`CHANGE_TO_UNIQUE_PER_RUN` is no name for a service: a letter, then letters, "
        "digits and `-`",
        "51": "AuthorizationType AWS_IAM asks for signatures, and there are no access keys to "
        "check them with",
        "63": "`AuthWebsocketsAuthorizer.AuthorizerUri` calls the function `auth`, which this "
        "service does not have: a function of another cannot be called here",
    }
    assert (routes, rules) == (118, 4)


PIECES = (
    *("", "\n", "  ", "- ", ": ", "{", "}", "[", "]", "'", '"', "|", "> ", "\t", "#", "null", "~"),
    *("&a ", "*a", "!Ref ", "!!int ", "<<: ", "é", "\0", "\U0001f600", "9" * 400),
    *("${", "${self:", "${self:custom}", "${self:functions}", "${file(", "$connect"),
    *("handler", "events"),
)


@st.composite
def changed(draw: st.DrawFn) -> str:
    """A service in which a few pieces have been replaced by others."""
    pieces = st.sampled_from(PIECES) | st.text(max_size=8)
    text = WHOLE
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(pieces) + text[start + draw(st.integers(0, 12)) :]
    return text


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text() | st.binary() | changed())
def test_whatever_the_file_holds_the_answer_is_a_definition_error(
    folder: Path, content: str | bytes
) -> None:
    data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    Path("serverless.yml").write_bytes(data)
    found = outcome()
    assert isinstance(found, Service) or str(found)
