from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.iot.shadow import (
    Outcome,
    Record,
    decode_record,
    delta,
    encode_record,
    merge,
    rejection,
    respond,
)
from bellwire.iot.shadow_request import (
    ShadowConflictError,
    ShadowError,
    ShadowName,
    ShadowRequest,
    ShadowTooLargeError,
)
from bellwire.limits import Limits


CASES = sorted((Path(__file__).parent.parent / "cases" / "shadow").glob("*.json"))
NAME = ShadowName("lamp")
PREFIX = "$aws/things/lamp/shadow"


def request(
    operation: str, document: object, sequence: int = 0, stored_ms: int = 0
) -> ShadowRequest:
    payload = document.encode() if isinstance(document, str) else json.dumps(document).encode()
    return ShadowRequest(NAME, operation, payload, sequence, stored_ms)


def update(record: Record | None, document: object, sequence: int = 0, *, at: int = 1) -> Outcome:
    return respond(record, request("update", document, sequence), now_s=at, limits=Limits())


def stored(outcome: Outcome) -> Record:
    assert outcome.record is not None
    return decode_record(encode_record(outcome.record))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_a_shadow_lives_as_aws_says(case: Path) -> None:
    """Each step says what is published, whole; one that names nothing only has to be accepted."""
    story = json.loads(case.read_text())
    assert story["source"].startswith("https://docs.aws.amazon.com/iot/")
    record: Record | None = None
    for step in story["steps"]:
        (operation,) = step.keys() & {"get", "update", "delete"}
        asked = request(operation, step[operation])
        try:
            outcome = respond(record, asked, now_s=step["at"], limits=Limits())
        except ShadowError as error:
            published = {"rejected": json.loads(rejection(asked, error).payload)}
        else:
            record = stored(outcome) if outcome.record else record
            published = {
                topic.removeprefix(f"{PREFIX}/{operation}/"): json.loads(payload)
                for topic, payload in outcome.publications
            }
            assert json.loads(outcome.answer) == published["accepted"]
        for kind in ("accepted", "rejected", "delta", "documents"):
            if kind in step:
                assert published[kind] == step[kind], step
        if "rejected" in step or "accepted" in step:
            assert ("rejected" in published) == ("rejected" in step)
        else:
            assert "accepted" in published, published


@pytest.mark.parametrize("operation", ["get", "update", "delete"])
def test_a_named_shadow_answers_on_its_own_topics(operation: str) -> None:
    name = ShadowName("lamp", "config")
    prefix = "$aws/things/lamp/shadow/name/config"
    made = respond(None, ShadowRequest(name, "update", b'{"state":{}}'), now_s=1, limits=Limits())
    asked = ShadowRequest(name, operation, b'{"state":{}}')
    outcome = respond(stored(made), asked, now_s=2, limits=Limits())
    assert outcome.publications[0].topic == f"{prefix}/{operation}/accepted"
    if operation != "update":
        with pytest.raises(ShadowError) as refused:
            respond(None, asked, now_s=1, limits=Limits())
        topic, payload = rejection(asked, refused.value)
        assert topic == f"{prefix}/{operation}/rejected"
        assert json.loads(payload)["message"] == "No shadow exists with name: 'lamp~config'"


def test_a_delta_is_not_published_where_there_is_none() -> None:
    same = update(None, {"state": {"desired": {"a": 1.0}, "reported": {"a": 1, "b": 2}}})
    assert [topic.rpartition("/")[2] for topic, _ in same.publications] == ["accepted", "documents"]


@pytest.mark.parametrize(
    ("desired", "reported", "expected"),
    [
        ({"a": 1}, {"a": 1.0}, {}),
        ({"a": 1}, {"a": True}, {"a": 1}),
        ({"a": 0}, {"a": False}, {"a": 0}),
        ({"a": "1"}, {"a": 1}, {"a": "1"}),
        ({"a": {"b": 1}}, {"a": 1}, {"a": {"b": 1}}),
        ({"a": 1}, {"a": {"b": 1}}, {"a": 1}),
        ({"a": [1, True]}, {"a": [1, 1]}, {"a": [1, True]}),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1.0}]}, {}),
        ({"a": [{"b": 1}]}, {"a": [{"c": 1}]}, {"a": [{"b": 1}]}),
        ({"a": []}, {}, {"a": []}),
        ({}, {"a": 1}, {}),
    ],
)
def test_values_are_compared_as_json_compares(
    desired: dict[str, object], reported: dict[str, object], expected: dict[str, object]
) -> None:
    _, metadata = merge({}, {}, desired, 1)
    assert delta(desired, reported, metadata)[0] == expected


def test_the_state_is_bounded_and_what_is_about_it_is_not() -> None:
    room = 8192 - len('{"text":""}')
    full = update(None, {"state": {"desired": {"text": "x" * room}}})
    assert full.record is not None
    assert len(full.answer) > 8192
    for state in ({"desired": {"text": "x" * (room + 1)}}, {"reported": {"a": 1}}):
        with pytest.raises(ShadowTooLargeError, match="The payload exceeds the maximum size"):
            update(full.record, {"state": state})
    assert update(full.record, {"state": {"desired": {"text": "y" * room}}}).record
    assert update(full.record, {"state": {"desired": {"text": None}, "reported": {"a": 1}}}).record


@pytest.mark.parametrize("version", [1, 3, 2**60])
def test_another_version_is_a_conflict(version: int) -> None:
    record = update(update(None, {"state": {}}).record, {"state": {}}).record
    with pytest.raises(ShadowConflictError):
        update(record, {"state": {}, "version": version})
    with pytest.raises(ShadowConflictError):
        update(None, {"state": {}, "version": version})


def reported(number: int, **more: object) -> dict[str, object]:
    return {"state": {"reported": {"n": number}}, **more}


def again(record: Record, asked: ShadowRequest) -> Outcome:
    """Serve a request once more, long after."""
    return respond(record, asked, now_s=99, limits=Limits())


def test_a_request_that_comes_again_is_answered_again_and_merged_once() -> None:
    first = stored(update(None, reported(1), 7, at=10))
    asked = request("update", reported(2, version=1, clientToken="t"), 9)
    served = respond(first, asked, now_s=20, limits=Limits())
    assert again(stored(served), asked) == served._replace(record=None)
    assert json.loads(served.answer)["timestamp"] == 20


def test_a_deletion_that_comes_again_is_answered_again() -> None:
    first = stored(update(None, reported(1), 7))
    asked = request("delete", "", 9)
    served = respond(first, asked, now_s=20, limits=Limits())
    assert again(stored(served), asked) == served._replace(record=None)


def test_a_call_over_http_in_between_is_in_nobodys_way() -> None:
    asked = request("update", reported(1), 7)
    served = respond(None, asked, now_s=20, limits=Limits())
    record = stored(update(stored(served), reported(2)))
    assert again(record, asked) == served._replace(record=None)
    assert record.document.state == {"reported": {"n": 2}}
    assert update(record, reported(3)).record


@pytest.mark.parametrize("operation", ["update", "get", "delete"])
def test_a_request_older_than_the_last_has_been_served(operation: str) -> None:
    record = stored(update(stored(update(None, reported(1), 7)), reported(2), 9))
    for sequence in (1, 7, 8):
        asked = request(operation, reported(1), sequence)
        assert again(record, asked) == Outcome(None, b"", ())


def test_a_stream_made_anew_counts_from_one_again() -> None:
    def asked(number: int, sequence: int, stored_ms: int) -> ShadowRequest:
        return request("update", reported(number), sequence, stored_ms)

    record = stored(respond(None, asked(1, 1000, 10_000_000), now_s=1, limits=Limits()))
    assert again(record, asked(2, 1, 10_059_999)).record is None
    record = stored(again(record, asked(2, 1, 10_060_000)))
    record = stored(again(record, asked(3, 2, 10_060_001)))
    assert record.document.state == {"reported": {"n": 3}}


names = st.sampled_from("abc")
values = st.recursive(
    st.integers(0, 2) | st.booleans() | st.text("xy", max_size=1),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
trees = st.dictionaries(names, values, max_size=3)
patches = st.dictionaries(
    names, st.none() | values | st.dictionaries(names, st.none() | values), max_size=3
)


def shape(value: object) -> object:
    """Return what a tree's metadata must look like, without the times."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return "time"


def without_times(value: object) -> object:
    if isinstance(value, dict):
        if value.keys() == {"timestamp"}:
            return "time"
        return {name: without_times(each) for name, each in value.items()}
    assert isinstance(value, list)
    return [without_times(each) for each in value]


@given(trees, patches)
def test_metadata_has_the_form_of_the_state(first: dict[str, Any], second: dict[str, Any]) -> None:
    state, metadata = merge(*merge({}, {}, first, 1), second, 2)
    assert without_times(metadata) == shape(state)
    assert {} not in state.values()


@given(trees, trees)
def test_reporting_the_delta_ends_it(desired: dict[str, Any], reported: dict[str, Any]) -> None:
    desired, metadata = merge({}, {}, desired, 1)
    reported, times = merge({}, {}, reported, 1)
    differs, _ = delta(desired, reported, metadata)
    reported, _ = merge(reported, times, differs, 2)
    assert delta(desired, reported, metadata) == ({}, {})


@given(trees, patches)
def test_an_update_changes_nothing_that_it_was_given(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    record = update(None, {"state": {"desired": first}}).record
    assert record is not None
    before = encode_record(record)
    update(record, {"state": {"desired": second}})
    assert encode_record(record) == before
