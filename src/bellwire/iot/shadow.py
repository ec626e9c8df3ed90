"""The Device Shadow service without its store: a record and a request in, what becomes of them out.

A shadow is a JSON document with what a device should be (`desired`) and what it says it is
(`reported`); what of the first is not in the second is its `delta`. An update is merged into it:
objects member by member, null removes a member, all else replaces. Each update makes a version,
and each member knows when it was last set.
docs.aws.amazon.com/iot/latest/developerguide/device-shadow-document.html
docs.aws.amazon.com/iot/latest/developerguide/device-shadow-data-flow.html

The broker gives requests out in order, and some of them twice: those whose acknowledgement was lost
when it died, or whose node died before it could say so. None is merged twice: the record knows the
last one behind it, and the document before that. Where it is the last that comes again, what was to
be answered is computed again from there, to the byte; one before it has had its answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from bellwire.iot.shadow_request import (
    ShadowConflictError,
    ShadowError,
    ShadowNotFoundError,
    ShadowRequest,
    ShadowTooLargeError,
    Tree,
    Update,
    client_token,
    parse_document,
    parse_optional_document,
    parse_update,
)
from bellwire.limits import SHADOW_VERSION_KEPT_S, Limits


_MADE_ANEW_MS = 60_000
"""A request stored so much later than one with a higher number is from a stream that was made anew,
and counts from one again."""


class ShadowStatistics(NamedTuple):
    """Requests since the node started: `accepted` by operation and protocol; `running` of now."""

    accepted: Mapping[tuple[str, str], int]
    rejected: int
    dropped: int
    running: int


class Document(NamedTuple):
    """A shadow document. `metadata` is `state` with `{"timestamp": seconds}` for each value.

    `deleted_s` is when it was deleted: what is left then is its version, for a while.
    """

    state: Tree
    metadata: Tree
    version: int
    deleted_s: int | None = None


class Step(NamedTuple):
    """A device's request behind a document: its place in the broker's stream, when it was served
    (epoch seconds), and the document before it."""

    sequence: int
    stored_ms: int
    at_s: int
    before: Document | None


class Record(NamedTuple):
    """What is stored of a shadow: its document, and the last device's request behind it."""

    document: Document
    last: Step | None = None

    def has_served(self, request: ShadowRequest) -> bool:
        """Tell whether a request came before, and is behind the document."""
        last = self.last
        return (
            last is not None
            and 0 < request.sequence <= last.sequence
            and request.stored_ms < last.stored_ms + _MADE_ANEW_MS
        )

    @property
    def is_live(self) -> bool:
        """Whether there is a shadow, and not only the version of one that was deleted."""
        return self.document.deleted_s is None


class Publication(NamedTuple):
    """A message that tells what became of a request."""

    topic: str
    payload: bytes


class _Served(NamedTuple):
    """What becomes of a request on a document: the new one, if it changed."""

    document: Document | None
    answer: bytes
    publications: tuple[Publication, ...]


class Outcome(NamedTuple):
    """What becomes of a request: what to store (None: nothing), to answer, and to publish."""

    record: Record | None
    answer: bytes
    publications: tuple[Publication, ...]


def respond(
    record: Record | None, request: ShadowRequest, *, now_s: int, limits: Limits
) -> Outcome:
    """Serve a request on what is stored of its shadow; raises ShadowError.

    `now_s` is the time, epoch seconds.
    """
    request.name.check()
    if record is not None and record.has_served(request):
        return _answer_again(record, request, limits)
    before = None if record is None or _is_forgotten(record.document, now_s) else record.document
    served = _serve(before, request, now_s, limits)
    if served.document is None:
        return Outcome(None, served.answer, served.publications)
    last = None if record is None else record.last
    if request.sequence:
        last = Step(request.sequence, request.stored_ms, now_s, before)
    return Outcome(Record(served.document, last), served.answer, served.publications)


def rejection(request: ShadowRequest, error: ShadowError) -> Publication:
    """Return the message that tells an MQTT client why its request was refused."""
    document: Tree = {"code": error.status, "message": error.message}
    if error.client_token is not None:
        document["clientToken"] = error.client_token
    return _publication(request, "rejected", document)


def encode_record(record: Record) -> bytes:
    """Return a record as JSON."""
    last = record.last
    fields = {
        "document": record.document._asdict(),
        "last": last and {**last._asdict(), "before": last.before and last.before._asdict()},
    }
    return orjson.dumps(fields)


def decode_record(data: bytes) -> Record:
    """Return the record that `encode_record` made JSON of."""
    fields = orjson.loads(data)
    document, last = Document(**fields["document"]), fields["last"]
    if last is None:
        return Record(document)
    before = last.pop("before")
    return Record(document, Step(**last, before=Document(**before) if before else None))


def _answer_again(record: Record, request: ShadowRequest, limits: Limits) -> Outcome:
    last = record.last
    if last is None or last.sequence != request.sequence:
        return Outcome(None, b"", ())
    served = _serve(last.before, request, last.at_s, limits)
    return Outcome(None, served.answer, served.publications)


def _is_forgotten(document: Document, now_s: int) -> bool:
    deleted_s = document.deleted_s
    return deleted_s is not None and now_s - deleted_s >= SHADOW_VERSION_KEPT_S


def _serve(before: Document | None, request: ShadowRequest, now_s: int, limits: Limits) -> _Served:
    is_update = request.operation == "update"
    parse = parse_document if is_update else parse_optional_document
    token: str | None = None
    try:
        asked = parse(request.payload)
        token = client_token(asked)
        if is_update:
            update = parse_update(asked, depth=limits.shadow_depth)
            return _update(before, request, update, token, now_s, limits)
        if before is None or before.deleted_s is not None:
            raise ShadowNotFoundError(f"No shadow exists with name: '{request.name.label}'")
        if request.operation == "get":
            return _get(before, request, token, now_s)
        return _delete(before, request, token, now_s)
    except ShadowError as error:
        error.client_token = token
        raise


def _update(
    before: Document | None,
    request: ShadowRequest,
    update: Update,
    token: str | None,
    now_s: int,
    limits: Limits,
) -> _Served:
    after = _updated(before, update, now_s, limits)
    accepted: Tree = {
        "state": update.state,
        "metadata": merge({}, {}, update.state or {}, now_s)[1],
        "version": after.version,
    }
    answer = _answer(accepted, now_s, token)
    publications = [Publication(_topic(request, "accepted"), answer)]
    state, metadata = _delta(after)
    if state:
        differs: Tree = {"state": state, "metadata": metadata, "version": after.version}
        publications.append(Publication(_topic(request, "delta"), _answer(differs, now_s, token)))
    documents: Tree = {"current": _whole(after)}
    if before is not None and before.deleted_s is None:
        documents = {"previous": _whole(before), **documents}
    publications.append(Publication(_topic(request, "documents"), _answer(documents, now_s, token)))
    return _Served(after, answer, tuple(publications))


def _updated(before: Document | None, update: Update, now_s: int, limits: Limits) -> Document:
    """Return the document after an update; raises ShadowConflictError, ShadowTooLargeError."""
    before = before or Document({}, {}, 0)
    if update.version not in (None, before.version):
        raise ShadowConflictError("Version conflict")
    if update.state is None:
        return Document({}, {}, before.version + 1)
    state, metadata = merge(before.state, before.metadata, update.state, now_s)
    if sum(len(orjson.dumps(section)) for section in state.values()) > limits.shadow_bytes:
        raise ShadowTooLargeError("The payload exceeds the maximum size allowed")
    return Document(state, metadata, before.version + 1)


def _get(document: Document, request: ShadowRequest, token: str | None, now_s: int) -> _Served:
    whole = _whole(document)
    state, metadata = _delta(document)
    if state:
        whole["state"] = {**document.state, "delta": state}
        whole["metadata"] = {**document.metadata, "delta": metadata}
    answer = _answer(whole, now_s, token)
    return _Served(None, answer, (Publication(_topic(request, "accepted"), answer),))


def _delete(before: Document, request: ShadowRequest, token: str | None, now_s: int) -> _Served:
    after = Document({}, {}, before.version, deleted_s=now_s)
    answer = _answer({"version": before.version}, now_s, token)
    accepted = Publication(_topic(request, "accepted"), answer)
    return _Served(after, answer, (accepted,))


def merge(state: Tree, metadata: Tree, patch: Tree, now_s: int) -> tuple[Tree, Tree]:
    """Return an object and its metadata with a patch merged into both; neither is changed.

    An object that has nothing in it goes.
    """
    state, metadata = dict(state), dict(metadata)
    for name, value in patch.items():
        stamps: object = None
        if isinstance(value, dict):
            old, old_stamps = state.get(name), metadata.get(name)
            if not isinstance(old, dict) or not isinstance(old_stamps, dict):
                old, old_stamps = {}, {}
            merged, stamps = merge(old, old_stamps, value, now_s)
            value = merged or None
        elif value is not None:
            stamps = _stamps(value, now_s)
        if value is None:
            state.pop(name, None)
            metadata.pop(name, None)
        else:
            state[name], metadata[name] = value, stamps
    return state, metadata


def _stamps(value: object, now_s: int) -> object:
    """Return the metadata of a value: that of an array is an array."""
    if isinstance(value, list):
        return [_stamps(each, now_s) for each in value]
    if isinstance(value, dict):
        return {name: _stamps(each, now_s) for name, each in value.items()}
    return {"timestamp": now_s}


def delta(desired: Tree, reported: Tree, metadata: Tree) -> tuple[Tree, Tree]:
    """Return what of `desired` is not so in `reported`, and its part of desired's metadata.

    docs.aws.amazon.com/iot/latest/developerguide/device-shadow-document.html#delta-state
    """
    state: Tree = {}
    stamps: Tree = {}
    for name, wanted in desired.items():
        has, stamp = reported.get(name), metadata.get(name)
        if isinstance(wanted, dict) and isinstance(has, dict) and isinstance(stamp, dict):
            inner, inner_stamps = delta(wanted, has, stamp)
            if inner:
                state[name], stamps[name] = inner, inner_stamps
        elif not _is_same(wanted, has):
            state[name], stamps[name] = wanted, stamp
    return state, stamps


def _is_same(one: object, other: object) -> bool:
    """Tell whether two JSON values are equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[name], other[name]) for name in one)
    return one == other


def _delta(document: Document) -> tuple[Tree, Tree]:
    desired, reported, metadata = (
        tree if isinstance(tree, dict) else {}
        for tree in (
            document.state.get("desired"),
            document.state.get("reported"),
            document.metadata.get("desired"),
        )
    )
    return delta(desired, reported, metadata)


def _whole(document: Document) -> Tree:
    return {
        "state": document.state,
        "metadata": document.metadata,
        "version": document.version,
    }


def _answer(document: Tree, now_s: int, token: str | None) -> bytes:
    document = {**document, "timestamp": now_s}
    if token is not None:
        document["clientToken"] = token
    return orjson.dumps(document)


def _topic(request: ShadowRequest, outcome: str) -> str:
    return f"{request.name.prefix}/{request.operation}/{outcome}"


def _publication(request: ShadowRequest, outcome: str, document: Tree) -> Publication:
    return Publication(_topic(request, outcome), orjson.dumps(document))
