"""What a reply can carry."""

from __future__ import annotations

from bellwire.notify.reply import ENVELOPE_BYTES, Portion, divide_snapshot


KNOWN: list[tuple[dict[str, object], bytes]] = [
    ({"device_id": name}, name.encode() * 100) for name in "abc"
]


def test_what_fits_is_in_the_reply() -> None:
    documents = [document for document, _ in KNOWN]
    for room in (300, 5000):
        assert divide_snapshot(
            KNOWN, list_bytes=50, message_bytes=ENVELOPE_BYTES + 50 + room
        ) == Portion(documents, [])


def test_what_does_not_fit_comes_as_frames() -> None:
    portion = divide_snapshot(KNOWN, list_bytes=50, message_bytes=ENVELOPE_BYTES + 50 + 299)
    assert portion == Portion([{"device_id": "a"}, {"device_id": "b"}], [b"c" * 100])


def test_a_list_that_fills_the_reply_leaves_no_room() -> None:
    portion = divide_snapshot(KNOWN, list_bytes=5000, message_bytes=5000)
    assert portion == Portion([], [frame for _, frame in KNOWN])
