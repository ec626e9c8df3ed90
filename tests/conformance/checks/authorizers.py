"""Lambda authorizers: who is asked, what they may answer, what becomes of it."""

from __future__ import annotations

from typing import Any

from tests.conformance.checks.events import context, multi
from tests.conformance.documents import A_TRACE_ID, Like, expect
from tests.conformance.registry import Chapter, issue, page
from tests.conformance.session import Answer, Client, Session


CHAPTER = Chapter("Lambda authorizers", "guarded")

AUTHORIZERS = page("apigateway-websocket-api-lambda-auth")
OUTPUT = page("api-gateway-lambda-authorizer-output")
VARIABLES = page("apigateway-websocket-api-mapping-template-reference")
LATER = issue("dherault/serverless-offline", 1379)
NO_POLICY = issue("serverless/examples", 557)
LIMITS = page("apigateway-execution-service-websocket-limits-table")
AUTH = {"Auth": "secret"}
TOKEN = "token=t"


def enter(session: Session, authorizer: dict[str, Any] | None = None) -> Client:
    """Connect with all identity sources."""
    return session.connect(TOKEN, headers=AUTH, authorizer=authorizer)


def refused(session: Session, authorizer: dict[str, Any]) -> Answer:
    return session.refusal(TOKEN, headers=AUTH, authorizer=authorizer)


def refused_with(session: Session, status: int, authorizer: dict[str, Any]) -> None:
    expect(refused(session, authorizer).status, status, "the status")


def arn(session: Session, rest: str) -> str:
    """Return an ARN of the API; the account is part of what the authorizer was told."""
    seen: str = enter(session).authorizer_event()["methodArn"]
    return f"{':'.join(seen.split(':')[:5])}:{rest}"


def api(session: Session) -> str:
    seen: str = enter(session).authorizer_event()["methodArn"]
    return seen.split(":")[5].partition("/")[0]


@CHAPTER.check("Who is allowed gets in, and `$connect` runs.", AUTHORIZERS)
def an_allowed_client(session: Session) -> None:
    client = enter(session)
    client.still_works()
    assert client.connect_event()


@CHAPTER.check(
    "The authorizer's event, whole: `methodArn`, headers with `Connection`, `content-length` and "
    "`Upgrade`, query string, `stageVariables` as `{}`, the context.",
    AUTHORIZERS,
)
def the_authorizers_event(session: Session) -> None:
    key = "Sec-WebSocket-Key"
    client = session.connect(TOKEN, headers=AUTH, authorizer={"sleep": 0}, user_agent_header=None)
    event = client.authorizer_event()
    service = session.service
    seen = client.connect_event()["headers"]
    headers: dict[str, Any] = {
        "Auth": "secret",
        "Connection": "upgrade",
        "content-length": "0",
        "Host": seen["Host"],
        key: seen[key],
        "Sec-WebSocket-Version": "13",
        "Upgrade": "websocket",
        "X-Amzn-Trace-Id": A_TRACE_ID,
        "X-Authorizer-Order": '{"sleep": 0}',
        "X-Forwarded-For": Like(r"127\.0\.0\.1|::1", "an address"),
        "X-Forwarded-Port": Like(r"\d+", "a port"),
        "X-Forwarded-Proto": Like("https?", "http or https"),
        "X-Token": seen["X-Token"],
    }
    expected = {
        "type": "REQUEST",
        "methodArn": Like(
            rf"arn:aws:execute-api:eu-west-1:\d{{12}}:{service.api_id}/{service.stage}/\$connect",
            "the ARN of $connect",
        ),
        "headers": headers,
        "multiValueHeaders": multi(headers),
        "queryStringParameters": {"token": "t"},
        "multiValueQueryStringParameters": {"token": ["t"]},
        "stageVariables": {},
        "requestContext": context(session, routeKey="$connect", eventType="CONNECT"),
    }
    expect(event, expected, "the event")


@CHAPTER.check(
    "Without a query string its parameters are `{}`.", AUTHORIZERS, service="guarded_by_default"
)
def the_authorizers_event_without_a_query(session: Session) -> None:
    event = session.connect(headers=AUTH).authorizer_event()
    expect(event.get("queryStringParameters"), {}, "queryStringParameters")
    expect(event.get("multiValueQueryStringParameters"), {}, "multiValueQueryStringParameters")


@CHAPTER.check("A missing or empty identity source: 401.", AUTHORIZERS)
def a_missing_identity_source(session: Session) -> None:
    expect(session.refusal(TOKEN).status, 401, "the status without the header")
    expect(session.refusal(headers=AUTH).status, 401, "the status without the parameter")
    expect(session.refusal("token=", headers=AUTH).status, 401, "the status with it empty")


@CHAPTER.check("Then nobody is asked.", AUTHORIZERS)
def without_an_identity_source_nobody_is_asked(session: Session) -> None:
    session.refusal(TOKEN, headers={"X-Token": "nobody-asked"})
    enter(session).authorizer_event()
    told = session.records(lambda event: event["headers"].get("X-Token") == "nobody-asked")
    expect(told, [], "the authorizer was asked")


@CHAPTER.check("Our choice: the names of header sources have no case.", AUTHORIZERS)
def identity_headers_have_no_case(session: Session) -> None:
    session.connect(TOKEN, headers={"AUTH": "secret"}).still_works()


@CHAPTER.check(
    "A source may be a context variable or a stage variable.",
    "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-authorizers.html",
    service="guarded_by_context",
)
def identity_sources_of_the_context(session: Session) -> None:
    event = session.connect(user_agent_header="tester/1").authorizer_event()
    expect(event["stageVariables"], {"table": "readings"}, "stageVariables")
    expect(session.refusal(user_agent_header=None).status, 401, "the status without it")


@CHAPTER.check(
    "Without an `identitySource` the Serverless Framework asks for the header `Auth`.",
    AUTHORIZERS,
    service="guarded_by_default",
)
def the_default_identity_source(session: Session) -> None:
    expect(session.refusal().status, 401, "the status without it")
    session.connect(headers=AUTH).still_works()


@CHAPTER.check('An authorizer that raises "Unauthorized": 401.', AUTHORIZERS)
def an_authorizer_raises_unauthorized(session: Session) -> None:
    refused_with(session, 401, {"raise": "Unauthorized"})


@CHAPTER.check("One that raises anything else: 500.", NO_POLICY)
def an_authorizer_raises_something_else(session: Session) -> None:
    refused_with(session, 500, {"raise": "unauthorized"})


@CHAPTER.check("What is no policy: 500.", NO_POLICY)
def an_authorizer_returns_no_policy(session: Session) -> None:
    for returned in ({"statusCode": 401}, None, "no", {"principalId": "me"}):
        refused_with(session, 500, {"return": returned})


@CHAPTER.check("Our choice: an answer without a `principalId` is 500.", OUTPUT)
def an_authorizer_names_nobody(session: Session) -> None:
    refused_with(session, 500, {"answer": {"principalId": None}})


@CHAPTER.check("Our choice: an authorizer that takes too long is 500.", OUTPUT)
def an_authorizer_takes_too_long(session: Session) -> None:
    refused_with(session, 500, {"sleep": 2.5})


@CHAPTER.check("An answer of more than 8 KB: 500.", LIMITS)
def an_authorizers_answer_is_too_large(session: Session) -> None:
    refused_with(session, 500, {"size": 8192})


@CHAPTER.check("Deny: 403, and `$connect` does not run.", AUTHORIZERS)
def a_denied_client(session: Session) -> None:
    denied = session.refusal(
        TOKEN,
        headers={**AUTH, "X-Token": "denied"},
        authorizer={"statement": {"Effect": "Deny"}},
    )
    expect(denied.status, 403, "the status")
    told = session.records(
        lambda event: (
            event.get("type") is None and event.get("headers", {}).get("X-Token") == "denied"
        )
    )
    expect(told, [], "`$connect` saw")


@CHAPTER.check("A policy that does not name the method: 403.", AUTHORIZERS)
def a_policy_for_something_else(session: Session) -> None:
    other = arn(session, f"{api(session)}/{session.service.stage}/other")
    refused_with(session, 403, {"statement": {"Resource": other}})


@CHAPTER.check(
    "`…/stage/*/*` does not match `…/stage/$connect`: 403.",
    issue("aws-powertools/powertools-lambda-python", 5800),
)
def a_policy_as_for_rest(session: Session) -> None:
    resource = arn(session, f"{api(session)}/{session.service.stage}/*/*")
    refused_with(session, 403, {"statement": {"Resource": resource}})


@CHAPTER.check("`*` spans everything, `?` is one character.", OUTPUT)
def wildcards_of_a_policy(session: Session) -> None:
    stage = session.service.stage
    rest = (f"{api(session)}/*", f"{api(session)}/{stage}/*", "*", f"*/{stage}/?connect")
    for resource in ("*", *(arn(session, one) for one in rest)):
        enter(session, {"statement": {"Resource": resource}}).still_works()


@CHAPTER.check("An explicit Deny wins.", OUTPUT)
def a_deny_wins(session: Session) -> None:
    statements = [
        {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "*"},
        {"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": "*"},
    ]
    policy = {"Version": "2012-10-17", "Statement": statements}
    refused_with(session, 403, {"answer": {"policyDocument": policy}})


@CHAPTER.check("The action must be `execute-api:Invoke`, or a wildcard for it.", OUTPUT)
def the_action_of_a_policy(session: Session) -> None:
    refused_with(session, 403, {"statement": {"Action": "execute-api:ManageConnections"}})
    for action in ("execute-api:*", "*", ["execute-api:Invoke", "s3:GetObject"]):
        enter(session, {"statement": {"Action": action}}).still_works()


@CHAPTER.check("The authorizer's context is on CONNECT, MESSAGE and DISCONNECT.", LATER)
def the_context_stays(session: Session) -> None:
    client = enter(session, {"answer": {"context": {"tenant": "blue"}}})
    first = client.connect_event()["requestContext"]
    second = client.ask({"action": "echo"})["requestContext"]
    client.close()
    third = client.disconnect_event()["requestContext"]
    for seen, kind in ((first, "CONNECT"), (second, "MESSAGE"), (third, "DISCONNECT")):
        found = dict(seen.get("authorizer", {}))
        found.pop("integrationLatency", None)
        expect(found, {"principalId": "somebody", "tenant": "blue"}, f"on {kind}, the authorizer")


@CHAPTER.check("Its values are text: `1`, `true`.", VARIABLES)
def the_context_is_text(session: Session) -> None:
    values = {"number": 1, "fraction": 1.5, "yes": True, "no": False, "text": "t"}
    found = enter(session, {"answer": {"context": values}}).ask({"action": "echo"})
    expected = {
        "principalId": "somebody",
        "number": "1",
        "fraction": "1.5",
        "yes": "true",
        "no": "false",
        "text": "t",
    }
    expect(found["requestContext"].get("authorizer"), expected, "the authorizer")


@CHAPTER.check("Our choice: CONNECT has the authorizer's `integrationLatency`, in ms.", LATER)
def the_authorizers_latency(session: Session) -> None:
    found = enter(session).connect_event()["requestContext"]["authorizer"]
    latency = found.get("integrationLatency")
    assert type(latency) is int, "there is none"


@CHAPTER.check("A list, a map or null in the context: 500.", OUTPUT)
def a_context_of_more_than_text(session: Session) -> None:
    for value in (["a"], {"a": 1}, None):
        refused_with(session, 500, {"answer": {"context": {"key": value}}})


@CHAPTER.check(
    "Results are not cached: each handshake asks.",
    "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-authorizers.html",
)
def authorizers_are_not_cached(session: Session) -> None:
    first, second = enter(session), enter(session)
    ids = {one.authorizer_event()["requestContext"]["requestId"] for one in (first, second)}
    expect(len(ids), 2, "requests that the authorizer saw")


@CHAPTER.check(
    "Until it has answered, the handshake is pending.",
    page("apigateway-websocket-api-route-keys-connect-disconnect"),
)
def the_handshake_waits_for_the_authorizer(session: Session) -> None:
    stage = session.service.websocket_url.partition("//")[2].partition("/")[2]
    with session.knocking(
        headers=["Auth: secret", 'X-Authorizer-Order: {"sleep": 0.4}'],
        request_line=f"GET /{stage}?{TOKEN} HTTP/1.1",
    ) as knock:
        assert not knock.is_answered(0.2), "it was answered before"
        expect(knock.status(), 101, "the status")
