from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bellwire.definition import model
from bellwire.errors import DefinitionError, Place
from bellwire.gateway.api import Api, apis_of
from bellwire.gateway.refusal import Refused
from bellwire.limits import Limits


MakeApi = Callable[..., Api]

ROUTES = ("$connect", "$disconnect", "$default", "echo", "set")


@pytest.mark.parametrize(
    ("message", "route_key"),
    [
        ('{"action":"set"}', "set"),
        ('{"action":"echo","more":1}', "echo"),
        ('{"action":"Set"}', "$default"),
        ('{"action":"set "}', "$default"),
        ('{"action":["set"]}', "$default"),
        ('{"action":5}', "$default"),
        ('{"other":"set"}', "$default"),
        ('{"action":"$default"}', "$default"),
        ('{"action":"$connect"}', "$default"),
        ('{"action":"$disconnect"}', "$default"),
        ('"set"', "$default"),
        ("not json", "$default"),
        ("", "$default"),
    ],
)
def test_which_route_a_message_takes(make_api: MakeApi, message: str, route_key: str) -> None:
    route = make_api(ROUTES).route_of(message)
    assert route is not None
    assert route.route_key == route_key


@pytest.mark.parametrize("message", ['{"action":"other"}', "not json", '{"action":"$connect"}'])
def test_without_a_default_route_an_unknown_message_has_none(
    make_api: MakeApi, message: str
) -> None:
    assert make_api(("$connect", "set")).route_of(message) is None


PLACE = Place("serverless.yml", 3, 5)


def function(key: str) -> model.Integration:
    return model.Integration("AWS_PROXY", function=key)


def service_of(*apis: model.WebSocketApi, limits: Limits | None = None) -> model.Service:
    return model.Service(
        name="app",
        stage="dev",
        region="eu-west-1",
        account_id="123456789012",
        directory=Path(),
        file=Path("serverless.yml"),
        functions={},
        apis=apis,
        rules=(),
        limits=limits or Limits(),
    )


def api_of(
    *routes: model.Route,
    expression: str = "$request.body.do",
    stage: model.Stage | None = None,
    **more: Any,
) -> model.WebSocketApi:
    return model.WebSocketApi(
        api_id="abcdef1234",
        name="dev-app-websockets",
        route_selection_expression=expression,
        route_selection_place=PLACE,
        stages=(stage or model.Stage("dev", routes),),
        **more,
    )


def test_the_api_of_a_service() -> None:
    routes = (
        model.Route("$connect", function("connect"), False, PLACE),
        model.Route("set", function("set_list"), True, PLACE),
    )
    (api,) = apis_of(service_of(api_of(*routes), limits=Limits(frame_bytes=1)))
    assert (api.api_id, api.stage, api.limits) == ("abcdef1234", "dev", Limits(frame_bytes=1))
    assert {key: route.two_way for key, route in api.routes.items()} == {
        "$connect": False,
        "set": True,
    }
    assert api.route_of('{"do":"set"}') is api.routes["set"]
    assert api.route_of('{"action":"set"}') is None


def test_each_stage_of_each_api_is_served_for_itself() -> None:
    route = model.Route("set", function("set_list"), True, PLACE)
    stages = (
        model.Stage("one", (route,), variables={"table": "a"}),
        model.Stage("two", (route,), route_throttles={"set": model.Throttle(1, 1)}),
    )
    first = replace(api_of(), stages=stages)
    second = replace(api_of(route), api_id="other56789")
    apis = apis_of(service_of(first, second))
    assert [(api.api_id, api.stage) for api in apis] == [
        ("abcdef1234", "one"),
        ("abcdef1234", "two"),
        ("other56789", "dev"),
    ]
    assert apis[0].variables == {"table": "a"}
    assert [api.routes["set"].throttle.take(0) for api in apis] == [True, True, True]
    assert [api.routes["set"].throttle.take(0) for api in apis] == [True, False, True]
    assert apis[0].account is apis[2].account


def test_a_default_throttle_is_each_routes_own() -> None:
    routes = tuple(model.Route(key, function(key), True, PLACE) for key in ("a", "b"))
    stage = model.Stage("dev", routes, default_throttle=model.Throttle(1, 1))
    (api,) = apis_of(service_of(api_of(stage=stage)))
    assert [api.routes[key].throttle.take(0) for key in "aab"] == [True, False, True]


def test_the_accounts_quotas_are_off_unless_set() -> None:
    (free,) = apis_of(service_of(api_of()))
    assert all(free.account.requests.take(0) for _ in range(20_000))
    limits = Limits(requests_per_s=1, requests_burst=2, new_connections_per_s=1)
    (bound,) = apis_of(service_of(api_of(), limits=limits))
    assert [bound.account.requests.take(0) for _ in range(3)] == [True, True, False]
    assert [bound.account.connects.take(0) for _ in range(2)] == [True, False]


@pytest.mark.parametrize(
    ("selection", "message", "valid"),
    [
        (None, '{"n":1}', True),
        (None, '{"n":"x"}', False),
        ("$request.body.kind", '{"n":"x"}', False),
        ("$request.body.kind", '{"n":"x","kind":"text"}', True),
        ("$request.body.kind", '{"n":1,"kind":"text"}', False),
        ("$request.body.kind", '{"n":1,"kind":"unknown"}', True),
    ],
)
def test_messages_are_checked_by_the_model_that_is_selected(
    selection: str | None, message: str, valid: bool
) -> None:
    def of_type(name: str) -> model.Model:
        return model.Model(name, f'{{"properties": {{"n": {{"type": "{name}"}}}}}}', PLACE)

    models = {"$default": of_type("integer"), "text": of_type("string")}
    route = model.Route(
        "set", function("f"), True, PLACE, model_selection=selection, request_models=models
    )
    (api,) = apis_of(service_of(api_of(route)))
    validate = api.routes["set"].validate
    assert validate is not None
    assert (validate(message) is None) is valid


def test_a_selection_without_models_lets_nothing_pass() -> None:
    route = model.Route("set", function("f"), True, PLACE, model_selection="$request.body.kind")
    (api,) = apis_of(service_of(api_of(route)))
    validate = api.routes["set"].validate
    assert validate is not None
    assert validate('{"kind":"text"}') == "no model of this route is for the message"


def test_a_usage_plan_bounds_its_key_over_all_stages() -> None:
    key = model.ApiKey("app", "key-of-20-characters", model.Throttle(1, 2))
    stages = (model.Stage("one", ()), model.Stage("two", ()))
    whole = replace(api_of(), stages=stages, api_keys={"one": (key,), "two": (key,)})
    one, two = apis_of(service_of(whole))
    for api in (one, two):
        about, _ = api.check_key(key.value, 0)
        assert about == {"apiKey": key.value, "apiKeyId": "app"}
    with pytest.raises(Refused, match="Too Many Requests"):
        two.check_key(key.value, 0)
    for wrong in ("", "other", "\ud800", "ü"):
        with pytest.raises(Refused, match="Forbidden"):
            one.check_key(wrong, 0)


def test_a_parameter_that_is_mapped_must_be_declared() -> None:
    """docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-data-mapping.html"""
    mapped = {"integration.request.header.a": "route.request.multivalueheader.Token"}
    proxy = model.Integration("HTTP_PROXY", PLACE, uri="http://x/", request_parameters=mapped)
    route = model.Route("$connect", proxy, False, PLACE)
    with pytest.raises(DefinitionError, match=r"3:5: the route \$connect does not declare route"):
        apis_of(service_of(api_of(route)))
    declared = replace(route, request_parameters={"route.request.header.Token": False})
    assert apis_of(service_of(api_of(declared)))


def test_without_a_model_for_it_a_message_is_refused() -> None:
    """docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-request-validation.html"""
    route = model.Route(
        "set",
        function("f"),
        True,
        PLACE,
        model_selection="$request.body.kind",
        request_models={"text": model.Model("text", "{}", PLACE)},
    )
    (api,) = apis_of(service_of(api_of(route)))
    validate = api.routes["set"].validate
    assert validate is not None
    assert validate('{"kind":"text"}') is None
    assert validate('{"kind":"other"}') == "no model of this route is for the message"


@pytest.mark.parametrize(
    "api",
    [
        api_of(expression="$request.header.x"),
        api_of(
            model.Route(
                "set",
                function("f"),
                True,
                PLACE,
                request_models={"$default": model.Model("m", "{", PLACE)},
            )
        ),
        api_of(stage=model.Stage("dev", (), access_log_format="no id", place=PLACE)),
        api_of(
            model.Route(
                "$connect",
                function("f"),
                False,
                PLACE,
                authorizer=model.Authorizer("a", "f", ("$request.header.x",), PLACE),
            )
        ),
    ],
    ids=["route selection", "schema", "access log", "identity source"],
)
def test_what_is_wrong_in_an_api_is_refused_at_its_place(api: model.WebSocketApi) -> None:
    with pytest.raises(DefinitionError, match=r"^serverless\.yml:3:5: "):
        apis_of(service_of(api))


# Another definition takes over


def test_counters_go_on_and_so_do_bounds_that_are_the_same() -> None:
    key = model.ApiKey("app", "key-of-20-characters", model.Throttle(1, 1))
    routes = tuple(model.Route(each, function(each), True, PLACE) for each in ("kept", "other"))
    stage = model.Stage(
        "dev", routes, route_throttles=dict.fromkeys(("kept", "other"), model.Throttle(1, 1))
    )
    one = api_of(stage=stage, api_keys={"dev": (key,)})
    limits = Limits(new_connections_per_s=1, requests_per_s=4, requests_burst=4)
    (former,) = apis_of(service_of(one, limits=limits))
    former.routes["kept"].metrics.message_count = 7
    former.messages_out, former.unrouted.client_error = 3, 2
    for each in ("kept", "other"):
        former.admit_request(former.routes[each], 0)
    former.admit_connection(0)
    former.check_key(key.value, 0)
    stage = replace(stage, route_throttles={"kept": model.Throttle(1, 1)})
    (api,) = apis_of(service_of(replace(one, stages=(stage,)), limits=limits))
    api.succeed([former])
    assert api.routes["kept"].metrics.message_count == 7
    assert (api.messages_out, api.unrouted.client_error) == (3, 2)
    assert not api.routes["kept"].throttle.take(0)
    assert api.routes["other"].throttle.take(0)  # it has none any more
    assert [api.account.requests.take(0) for _ in range(3)] == [True, True, False]
    with pytest.raises(Refused):
        api.admit_connection(0)
    with pytest.raises(Refused, match="Too Many Requests"):
        api.check_key(key.value, 0)


def test_a_key_with_another_bound_starts_anew() -> None:
    key = model.ApiKey("app", "key-of-20-characters", model.Throttle(1, 1))
    (former,) = apis_of(service_of(api_of(api_keys={"dev": (key,)})))
    former.check_key(key.value, 0)
    keys = (replace(key, throttle=model.Throttle(1, 2)), replace(key, name="b", value="x" * 20))
    (api,) = apis_of(service_of(api_of(api_keys={"dev": keys})))
    api.succeed([former])
    api.check_key(key.value, 0)
    api.check_key("x" * 20, 0)


def test_a_stage_that_is_added_shares_what_the_account_and_a_key_have_left() -> None:
    key = model.ApiKey("app", "key-of-20-characters", model.Throttle(1, 1))
    limits = Limits(new_connections_per_s=1, requests_per_s=2, requests_burst=2)
    one = api_of(api_keys={"dev": (key,)})
    (former,) = apis_of(service_of(one, limits=limits))
    former.admit_connection(0)
    former.check_key(key.value, 0)
    stages = tuple(model.Stage(name, ()) for name in ("dev", "test"))
    both = replace(one, stages=stages, api_keys={"dev": (key,), "test": (key,)})
    dev, added = apis_of(service_of(both, limits=limits))
    for api in (dev, added):
        api.succeed([former])
    with pytest.raises(Refused):
        added.admit_connection(0)
    with pytest.raises(Refused, match="Too Many Requests"):
        added.check_key(key.value, 0)
    assert dev.account.requests.take(0)
    assert added.account.requests.take(0)
    assert not dev.account.requests.take(0)
