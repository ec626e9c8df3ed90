from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bellwire.definition import model
from bellwire.errors import DefinitionError, Place
from bellwire.gateway.api import Api, Route
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


def function(key: str) -> model.Integration:
    return model.Integration("AWS_PROXY", function=key)


def service(expression: str) -> model.Service:
    place = Place("serverless.yml", 3, 5)
    return model.Service(
        name="app",
        stage="dev",
        region="eu-west-1",
        account_id="123456789012",
        directory=Path(),
        file=Path("serverless.yml"),
        functions={},
        apis=(
            model.WebSocketApi(
                api_id="abcdef1234",
                name="dev-app-websockets",
                route_selection_expression=expression,
                route_selection_place=place,
                stages=(
                    model.Stage(
                        "dev",
                        (
                            model.Route("$connect", function("connect"), False, place),
                            model.Route("set", function("set_list"), True, place),
                        ),
                    ),
                ),
            ),
        ),
        rules=(),
        limits=Limits(frame_bytes=1),
    )


def test_the_api_of_a_service() -> None:
    api = Api.from_service(service("$request.body.do"))
    assert (api.api_id, api.stage, api.limits) == ("abcdef1234", "dev", Limits(frame_bytes=1))
    assert api.routes == {
        "$connect": Route("$connect", "connect", False),
        "set": Route("set", "set_list", True),
    }
    assert api.route_of('{"do":"set"}') == Route("set", "set_list", True)
    assert api.route_of('{"action":"set"}') is None


def test_a_service_whose_expression_is_wrong_is_refused_at_its_place() -> None:
    with pytest.raises(DefinitionError, match=r"^serverless\.yml:3:5: "):
        Api.from_service(service("$request.header.x"))
