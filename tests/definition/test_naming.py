from __future__ import annotations

import pytest

from bellwire.definition import naming


@pytest.mark.parametrize(
    ("name", "normalized"),
    [("hello", "Hello"), ("a-b_c", "ADashbUnderscorec"), ("_x", "Underscorex"), ("", "")],
)
def test_names_are_normalized_as_the_framework_does(name: str, normalized: str) -> None:
    assert naming.normalized_name(name) == normalized
    assert naming.function_logical_id(name) == f"{normalized}LambdaFunction"
    assert naming.rule_logical_id(name, 2) == f"{normalized}IotTopicRule2"
    assert naming.integration_logical_id(name) == f"{normalized}WebsocketsIntegration"
    assert naming.authorizer_logical_id(name) == f"{normalized}WebsocketsAuthorizer"


@pytest.mark.parametrize(
    ("route_key", "logical_id"),
    [
        ("$connect", "SconnectWebsocketsRoute"),
        ("hello", "helloWebsocketsRoute"),
        ("a/b-c_d.e/f", "aSlashbDashcUnderscoredPeriodeSlashfWebsocketsRoute"),
    ],
)
def test_routes_keep_their_case(route_key: str, logical_id: str) -> None:
    assert naming.route_logical_id(route_key) == logical_id
    assert naming.route_response_logical_id(route_key) == f"{logical_id}Response"


def test_an_api_always_has_the_same_id() -> None:
    ids = [naming.make_api_id("thermostats"), naming.make_api_id("thermostats", "Admin")]
    assert ids == ["uogbf9l1nu", naming.make_api_id("thermostats", "Admin")]
    assert ids[0] != ids[1]
    for api_id in ids:
        assert len(api_id) == 10
        assert set(api_id) <= set("abcdefghijklmnopqrstuvwxyz0123456789")
