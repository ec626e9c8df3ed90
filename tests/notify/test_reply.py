"""What a reply can carry."""

from __future__ import annotations

from bellwire.notify.reply import ENVELOPE_BYTES, Portion, divide_snapshot


KNOWN: list[dict[str, object]] = [{"device_id": name} for name in "abc"]


def divide(*, list_bytes: int, message_bytes: int) -> Portion:
    return divide_snapshot(
        KNOWN, size=lambda document: 100, list_bytes=list_bytes, message_bytes=message_bytes
    )


def test_what_fits_is_in_the_reply() -> None:
    for room in (300, 5000):
        portion = divide(list_bytes=50, message_bytes=ENVELOPE_BYTES + 50 + room)
        assert portion == Portion(KNOWN, [])


def test_what_does_not_fit_is_left_out() -> None:
    portion = divide(list_bytes=50, message_bytes=ENVELOPE_BYTES + 50 + 299)
    assert portion == Portion(KNOWN[:2], KNOWN[2:])


def test_a_list_that_fills_the_reply_leaves_no_room() -> None:
    assert divide(list_bytes=5000, message_bytes=5000) == Portion([], KNOWN)
