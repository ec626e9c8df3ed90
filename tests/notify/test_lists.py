"""Notify lists: what is taken, and how what is not is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.limits import Limits
from bellwire.notify.lists import (
    DEFAULT_BOUNDS,
    InvalidNotifyList,
    ListBounds,
    notify_list_document,
    parse_notify_list,
)


def test_a_list_is_taken_and_given_back_in_one_form() -> None:
    document = [
        {"device_id": "thermostat-1", "parameters": ["temperature", "humidity", "temperature"]},
        {"device_id": "pump-7"},
        {"device_id": "meter", "parameters": None},
    ]
    entries = parse_notify_list(document)
    assert entries == {
        "thermostat-1": ("temperature", "humidity"),
        "pump-7": None,
        "meter": None,
    }
    assert notify_list_document(entries) == [
        {"device_id": "thermostat-1", "parameters": ["temperature", "humidity"]},
        {"device_id": "pump-7"},
        {"device_id": "meter"},
    ]


def test_entries_for_one_device_are_joined() -> None:
    assert parse_notify_list(
        [{"device_id": "d", "parameters": ["a"]}, {"device_id": "d", "parameters": ["b", "a"]}]
    ) == {"d": ("a", "b")}
    assert parse_notify_list([{"device_id": "d", "parameters": ["a"]}, {"device_id": "d"}]) == {
        "d": None
    }


def test_without_a_node_the_bounds_are_those_of_a_node() -> None:
    limits = Limits()  # which code in a function's process does not import
    assert (
        limits.notify_list_devices,
        limits.notify_list_parameters,
        limits.name_bytes,
    ) == DEFAULT_BOUNDS


def test_an_empty_list_listens_to_nothing() -> None:
    assert parse_notify_list([]) == {}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (None, "notify_list: expected an array of entries"),
        ({}, "notify_list: expected an array of entries"),
        (["d"], "notify_list[0]: expected an object with a device_id"),
        ([{}], "notify_list[0].device_id: expected a non-empty string"),
        ([{"device_id": ""}], "notify_list[0].device_id: expected a non-empty string"),
        ([{"device_id": 7}], "notify_list[0].device_id: expected a non-empty string"),
        (
            [{"device_id": "d"}, {"device_id": "e", "parameter": ["a"]}],
            "notify_list[1].parameter: unknown; an entry has device_id and parameters",
        ),
        (
            [{"device_id": "d", "parameters": []}],
            "notify_list[0].parameters: expected a non-empty array of names; leave it out for all",
        ),
        (
            [{"device_id": "d", "parameters": "a"}],
            "notify_list[0].parameters: expected a non-empty array of names; leave it out for all",
        ),
        (
            [{"device_id": "d", "parameters": ["a", None]}],
            "notify_list[0].parameters[1]: expected a non-empty string",
        ),
        (
            [{"device_id": "\ud800"}],
            "notify_list[0].device_id: expected text that UTF-8 can carry",
        ),
        ([{"device_id": "ü" * 3}], "notify_list[0].device_id: 6 bytes, at most 5 are allowed"),
        (
            [{"device_id": "d", "parameters": ["a", "b", "c"]}],
            "notify_list[0].parameters: 3 names, at most 2 are allowed",
        ),
        ([{"device_id": "d"}] * 4, "notify_list: 4 entries, at most 3 are allowed"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(document: object, message: str) -> None:
    with pytest.raises(InvalidNotifyList) as refused:
        parse_notify_list(document, ListBounds(devices=3, parameters=2, name_bytes=5))
    assert str(refused.value) == message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["device_id", "parameters", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_document_is_taken_whole_or_refused(document: object) -> None:
    try:
        entries = parse_notify_list(document)
    except InvalidNotifyList:
        return
    assert parse_notify_list(notify_list_document(entries)) == entries
