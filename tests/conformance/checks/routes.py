"""Which route takes a message."""

from __future__ import annotations

from tests.conformance.documents import AN_ID, expect, expect_error_frame
from tests.conformance.registry import Chapter, issue, page
from tests.conformance.session import Session


CHAPTER = Chapter("Routes and selection expressions", "main")

ROUTES = page("websocket-api-develop-routes")
EXPRESSIONS = page("apigateway-websocket-api-selection-expressions")
CONNECT = page("apigateway-websocket-api-route-keys-connect-disconnect")


def takes(session: Session, message: str | dict[str, object], route_key: str) -> None:
    """Show that a message takes the route."""
    expect(session.connect().route_of(message), route_key, "the message took")


@CHAPTER.check("A message takes the route whose key the expression gives.", ROUTES)
def a_message_takes_the_route_it_names(session: Session) -> None:
    takes(session, {"action": "echo"}, "echo")


@CHAPTER.check("Keys are compared case-sensitively.", ROUTES)
def route_keys_are_case_sensitive(session: Session) -> None:
    takes(session, {"action": "Echo"}, "Echo")
    takes(session, {"action": "ECHO"}, "$default")


@CHAPTER.check("Keys are compared whole: neither a part of one nor more than one matches.", ROUTES)
def route_keys_match_whole(session: Session) -> None:
    for text in ("ech", "echo ", "echo/v1", "*"):
        takes(session, {"action": text}, "$default")


@CHAPTER.check("A message that names no route takes `$default`.", ROUTES)
def a_message_of_no_route_takes_default(session: Session) -> None:
    takes(session, {"action": "unheard-of"}, "$default")


@CHAPTER.check("A message without the key that the expression reads takes `$default`.", ROUTES)
def a_message_without_the_key_takes_default(session: Session) -> None:
    takes(session, {"verb": "echo"}, "$default")


@CHAPTER.check("A message that is not JSON takes `$default`.", ROUTES)
def a_message_that_is_not_json_takes_default(session: Session) -> None:
    takes(session, "hello {", "$default")


@CHAPTER.check("JSON that is no object takes `$default`.", ROUTES)
def json_that_is_no_object_takes_default(session: Session) -> None:
    for text in ('"echo"', "5", "[]", "null", '[{"action":"echo"}]'):
        takes(session, text, "$default")


@CHAPTER.check(
    "An empty message takes `$default`.", page("apigateway-websocket-api-route-response")
)
def an_empty_message_takes_default(session: Session) -> None:
    takes(session, "", "$default")


@CHAPTER.check("A message may name `$default`.", ROUTES)
def a_message_may_name_default(session: Session) -> None:
    takes(session, {"action": "$default"}, "$default")


@CHAPTER.check(
    "Our choice: a message that names `$connect` or `$disconnect` does not run it.", ROUTES
)
def a_message_cannot_name_connect(session: Session) -> None:
    takes(session, {"action": "$connect"}, "$default")
    takes(session, {"action": "$disconnect"}, "$default")


@CHAPTER.check("What the expression finds becomes text: a number.", ROUTES)
def a_number_becomes_text(session: Session) -> None:
    takes(session, {"action": 5}, "5")


@CHAPTER.check("What the expression finds becomes text: true.", ROUTES)
def a_boolean_becomes_text(session: Session) -> None:
    takes(session, {"action": True}, "true")


@CHAPTER.check("An array becomes text as `[one, two]`.", ROUTES)
def an_array_becomes_text(session: Session) -> None:
    takes(session, {"action": ["one", "two"]}, "[one, two]")


@CHAPTER.check(
    "Several variables and literals: `${…service}/${…action}`.", EXPRESSIONS, service="pair"
)
def several_variables_and_literals(session: Session) -> None:
    takes(session, {"service": "chat", "action": "join"}, "chat/join")


@CHAPTER.check("A variable that finds nothing is empty: `join-`.", EXPRESSIONS, service="suffix")
def a_variable_that_finds_nothing_is_empty(session: Session) -> None:
    takes(session, {"action": "join"}, "join-")


@CHAPTER.check("An expression without a variable is its own value.", EXPRESSIONS, service="static")
def an_expression_may_be_static(session: Session) -> None:
    takes(session, {"action": "join"}, "action")
    takes(session, "not JSON", "action")


@CHAPTER.check(r"`\$` is a dollar: `\$default` gives `$default`.", EXPRESSIONS, service="dollar")
def a_dollar_can_be_escaped(session: Session) -> None:
    takes(session, {"action": "join"}, "$default")


@CHAPTER.check("A variable without braces: `$request.body.action`.", EXPRESSIONS)
def a_variable_may_stand_without_braces(session: Session) -> None:
    takes(session, {"action": "echo", "other": "Echo"}, "echo")


@CHAPTER.check(
    "Our choice: a bare variable takes all that a JSONPath may hold; `/v1` is literal.",
    EXPRESSIONS,
    service="bareword",
)
def a_bare_variable_ends_where_no_path_can_go_on(session: Session) -> None:
    takes(session, {"action": "join"}, "join/v1")


@CHAPTER.check("JSONPath: keys below keys.", EXPRESSIONS, service="paths")
def a_path_has_keys(session: Session) -> None:
    takes(session, {"plain": {"deep": "join"}}, "join")


@CHAPTER.check("JSONPath: a key in quotes, `['a key']`.", EXPRESSIONS, service="paths")
def a_path_has_quoted_keys(session: Session) -> None:
    takes(session, {"quoted": {"a key": "join"}}, "join")


@CHAPTER.check("JSONPath: an index, `[1]`.", EXPRESSIONS, service="paths")
def a_path_has_indexes(session: Session) -> None:
    takes(session, {"list": ["quit", "join"]}, "join")


@CHAPTER.check("JSONPath: all items, `[*]`.", EXPRESSIONS, service="paths")
def a_path_has_all_items(session: Session) -> None:
    takes(session, {"every": ["one", "two"]}, "[one, two]")


@CHAPTER.check("JSONPath: at any depth, `..key`.", EXPRESSIONS, service="paths")
def a_path_goes_to_any_depth(session: Session) -> None:
    takes(session, {"a": {"b": [{"anywhere": "join"}]}}, "join")


@CHAPTER.check("What a JSONPath finds becomes text.", EXPRESSIONS, service="paths")
def a_path_finds_a_number(session: Session) -> None:
    takes(session, {"plain": {"deep": 5}}, "5")


@CHAPTER.check(
    "`$connect` runs whatever the route selection expression is.",
    issue("localstack/localstack", 7153),
    service="static",
)
def connect_is_not_selected(session: Session) -> None:
    event = session.connect().connect_event()
    expect(event["requestContext"]["routeKey"], "$connect", "the route key")


@CHAPTER.check("Without a route `$connect` a connection is accepted.", CONNECT, service="open")
def connect_is_optional(session: Session) -> None:
    answer = session.connect().ask({"action": "echo"})
    expect(answer["requestContext"]["connectionId"], AN_ID, "the connection's id")


@CHAPTER.check(
    "A route `$connect` without an integration accepts, too.", CONNECT, service="unintegrated"
)
def an_integration_of_connect_is_optional(session: Session) -> None:
    answer = session.connect().ask({"action": "echo"})
    expect(answer["requestContext"]["connectionId"], AN_ID, "the connection's id")


@CHAPTER.check(
    "Without `$default`, a message of no route gets the frame `Forbidden`, byte for byte.",
    ROUTES,
    service="bare",
)
def without_default_a_message_is_forbidden(session: Session) -> None:
    client = session.connect()
    for message in ('{"action":"unheard-of"}', "not JSON", ""):
        client.send(message)
        expect_error_frame(client.receive(), "Forbidden")


@CHAPTER.check("The connection stays open after `Forbidden`.", ROUTES, service="bare")
def a_forbidden_message_leaves_the_connection_open(session: Session) -> None:
    client = session.connect()
    client.send("nonsense")
    client.receive()
    expect(client.route_of({"action": "echo"}), "echo", "the next message took")
