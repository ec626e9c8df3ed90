"""Stages, APIs, throttles, logs and metrics."""

from __future__ import annotations

from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from tests.conformance.documents import expect, expect_error_frame
from tests.conformance.registry import Chapter, issue, page
from tests.conformance.session import Session


CHAPTER = Chapter("Stages, throttles, logs, metrics", "stages")

STAGES = page("websocket-api-stages")
PROTECT = page("websocket-api-protect")
LOGGING = page("websocket-api-logging")
METRICS = page("apigateway-websocket-api-logging")
LIMITS = page("apigateway-execution-service-websocket-limits-table")


def url(session: Session, stage: str) -> str:
    return f"ws://{urlsplit(session.service.websocket_url).netloc}/{stage}"


@CHAPTER.check("Stage variables are on every event.", issue("localstack/localstack", 10734))
def stage_variables(session: Session) -> None:
    client = session.connect()
    first = client.connect_event()
    second = client.ask({"action": "echo"})
    client.close()
    third = client.disconnect_event()
    for event in (first, second, third):
        expect(event.get("stageVariables"), {"table": "readings"}, "stageVariables")


@CHAPTER.check("One API has several stages, each with its variables.", STAGES)
def several_stages(session: Session) -> None:
    client = session.connect(url=url(session, "beta"))
    event = client.connect_event()
    expect(event["requestContext"]["stage"], "beta", "the stage")
    expect(event["requestContext"]["apiId"], session.service.api_id, "the API")
    expect(event.get("stageVariables"), {"table": "experiments"}, "stageVariables")


@CHAPTER.check(
    "A stage's default throttle is for each route: a handshake too many gets 429.", PROTECT
)
def a_stages_default_throttle(session: Session) -> None:
    statuses = []
    for _ in range(4):
        with session.knocking(request_line="GET /beta HTTP/1.1") as knock:
            statuses.append(knock.status())
    assert statuses[-1] == 429, f"the statuses were {statuses}"


@CHAPTER.check("A node serves several APIs, each with its routes.", STAGES)
def several_apis(session: Session) -> None:
    client = session.connect(url=url(session, "admin"))
    expect(client.route_of({"do": "hello", "action": "echo"}), "hello", "the message took")
    client.send({"action": "echo"})
    expect_error_frame(client.receive(), "Forbidden")
    assert client.connect_event()["requestContext"]["apiId"] != session.service.api_id, "one id"


@CHAPTER.check(
    "Where two APIs have a stage of one name, the host decides, as on AWS.",
    page("apigateway-set-up-websocket-deployment"),
)
def two_stages_of_one_name(session: Session) -> None:
    admin = session.connect(url=url(session, "admin")).connect_event()["requestContext"]["apiId"]
    host = f"Host: {admin}.execute-api.eu-west-1.amazonaws.com"
    with session.knocking(host=host) as knock:
        expect(knock.status(), 101, "the status")
        seen = knock.connect_event()["requestContext"]
    expect([seen["apiId"], seen["stage"]], [admin, "dev"], "the API and its stage")
    own = session.connect().connect_event()["requestContext"]["apiId"]
    expect(own, session.service.api_id, "without such a host, the API")


@CHAPTER.check(
    "@connections knows a connection at its own API and stage only: 410 elsewhere (our choice).",
    page("apigateway-how-to-call-websocket-api-connections"),
)
def connections_of_a_stage(session: Session) -> None:
    client = session.connect(url=url(session, "admin"))
    path = session.connection_path(client.id).partition("/@")[2]
    own = session.http("POST", f"/admin/@{path}", b"x")
    expect(own.status, 200, "the status at its stage")
    expect(client.receive(), "x", "the frame")
    other = session.http("POST", f"/dev/@{path}", b"x")
    expect(other.status, 410, "the status at another")
    own_dev = session.connection_path(session.connect().id)
    admin = client.connect_event()["requestContext"]["apiId"]
    host = {"Host": f"{admin}.execute-api.eu-west-1.amazonaws.com"}
    expect(
        session.http("POST", own_dev, b"x", host).status, 410, "the status at another API's host"
    )


@CHAPTER.check(
    "A route's own throttle: `Too Many Requests` (our choice of words); others go on.", PROTECT
)
def a_routes_throttle(session: Session) -> None:
    client = session.connect()
    taken = [client.ask({"action": "scarce"}) for _ in range(2)]
    assert all("requestContext" in one for one in taken), "less than the burst was taken"
    client.send({"action": "scarce"})
    expect_error_frame(client.receive(), "Too Many Requests")
    expect(client.route_of({"action": "echo"}), "echo", "the next message took")


@CHAPTER.check("The account's new connections per second: 429.", LIMITS, service="quotas")
def the_accounts_new_connections(session: Session) -> None:
    statuses = []
    for _ in range(5):
        with session.knocking() as knock:
            statuses.append(knock.status())
    expect(statuses[:1], [101], "the first status")
    expect(statuses[-1], 429, "the last status")


@CHAPTER.check(
    "The account's requests: @connections answers 429, `LimitExceededException`.",
    PROTECT,
    service="quotas",
)
def the_accounts_requests(session: Session) -> None:
    other = session.elsewhere()
    client = other.connect()
    boto3 = other.boto3()
    try:
        for _ in range(20):
            boto3.post_to_connection(ConnectionId=client.id, Data=b"x")
    except ClientError as error:
        expect(error.response["Error"]["Code"], "LimitExceededException", "boto3's error")
        expect(error.response["ResponseMetadata"]["HTTPStatusCode"], 429, "the status")
        return
    raise AssertionError("all are taken")


@CHAPTER.check("The access log has a line for each request, as its format says.", LOGGING)
def the_access_log(session: Session) -> None:
    client = session.connect()
    event = client.ask({"action": "echo"})["requestContext"]
    api_id = session.service.api_id
    line = session.log_line(f"ACCESS {event['requestId']} ")
    expected = f"MESSAGE echo 200 {client.id} dev {api_id} -"
    expect(line.partition(f"{event['requestId']} ")[2], expected, "the line")
    connect = client.connect_event()["requestContext"]
    line = session.log_line(f"ACCESS {connect['requestId']} ")
    expected = f"CONNECT $connect 200 {client.id} dev {api_id} -"
    expect(line.partition(f"{connect['requestId']} ")[2], expected, "the line of CONNECT")


@CHAPTER.check("It has those that were refused, with the status.", LOGGING)
def the_access_log_of_a_refusal(session: Session) -> None:
    with session.knocking(order={"return": {"statusCode": 418}}) as knock:
        expect(knock.status(), 418, "the status")
        seen = knock.connect_event()["requestContext"]
    line = session.log_line(f"ACCESS {seen['requestId']} ")
    expected = f"CONNECT $connect 418 {seen['connectionId']} dev {session.service.api_id} -"
    expect(line.partition(f"{seen['requestId']} ")[2], expected, "the line")


@CHAPTER.check("`ConnectCount` and `MessageCount`, by API, stage and route.", METRICS)
def connect_and_message_count(session: Session) -> None:
    labels = {"ApiId": session.service.api_id or "", "Stage": "dev"}

    def counts() -> tuple[float, float]:
        return (
            session.counter("bellwire_ConnectCount_total", **labels),
            session.counter("bellwire_MessageCount_total", Route="echo", **labels),
        )

    before = counts()
    client = session.connect()
    for _ in range(3):
        client.ask({"action": "echo"})
    after = counts()
    expect((after[0] - before[0], after[1] - before[1]), (1.0, 3.0), "they grew by")


@CHAPTER.check("`ClientError` counts what the gateway refuses.", METRICS)
def client_errors(session: Session) -> None:
    before = session.counter("bellwire_ClientError_total")
    client = session.connect()
    client.send({"action": "unheard-of"})
    client.receive()
    expect(session.counter("bellwire_ClientError_total") - before, 1.0, "it grew by")


@CHAPTER.check("`IntegrationError` counts what functions fail at.", METRICS)
def integration_errors(session: Session) -> None:
    before = session.counter("bellwire_IntegrationError_total")
    client = session.connect()
    client.send({"action": "echo", "order": {"raise": "no"}})
    client.receive()
    expect(session.counter("bellwire_IntegrationError_total") - before, 1.0, "it grew by")


@CHAPTER.check("`ExecutionError` counts answers that the gateway cannot use.", METRICS)
def execution_errors(session: Session) -> None:
    before = session.counter("bellwire_ExecutionError_total")
    client = session.connect()
    client.send({"action": "echo", "order": {"return": None}})
    client.receive()
    expect(session.counter("bellwire_ExecutionError_total") - before, 1.0, "it grew by")


@CHAPTER.check("`IntegrationLatency` is measured.", METRICS)
def integration_latency(session: Session) -> None:
    client = session.connect()
    before = session.counter("bellwire_IntegrationLatency_seconds_sum", Route="echo")
    client.ask({"action": "echo", "order": {"sleep": 0.2}})
    grown = session.counter("bellwire_IntegrationLatency_seconds_sum", Route="echo") - before
    assert 0.2 <= grown <= 5, f"it grew by {grown:.1f} s"
