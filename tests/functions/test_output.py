from __future__ import annotations

from bellwire.functions.output import (
    WRITE_COST_BYTES,
    Budget,
    Console,
    Lines,
    Sink,
)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Receiver:
    """A console and what it sent."""

    def __init__(self, *, bytes_per_s: int = 1_000_000) -> None:
        self.clock = Clock()
        self.sent: list[bytes] = []
        sink = Sink(self.sent.append, fd=2, budget=Budget(bytes_per_s), clock=self.clock)
        self.console = Console(sink)


def test_lines_are_cut_at_newlines_across_reads() -> None:
    lines = Lines(100)
    assert lines.feed(b"one\ntw") == ["one"]
    assert lines.feed(b"o\r\n\nthr") == ["two", ""]
    assert lines.feed(b"ee") == []
    assert lines.finish() == ["three"]
    assert lines.finish() == []


def test_a_character_divided_between_reads_is_whole_again() -> None:
    lines = Lines(100)
    data = "é\n".encode()
    assert lines.feed(data[:1]) == []
    assert lines.feed(data[1:]) == ["é"]


def test_bytes_that_are_not_text_are_replaced() -> None:
    assert Lines(100).feed(b"a\xffb\n") == ["a�b"]


def test_a_long_line_is_cut_and_marked() -> None:
    lines = Lines(4)
    assert lines.feed(b"0123456") == []
    assert lines.feed(b"789\nnext\n12345\n") == [
        "0123 … [bellwire: 6 more bytes cut]",
        "next",
        "1234 … [bellwire: 1 more bytes cut]",
    ]


def test_a_budget_lets_through_so_much_a_second() -> None:
    budget = Budget(1000)
    assert budget.take(600, 0.0) == 600
    assert budget.take(600, 0.5) == 400
    assert budget.take(600, 0.9) == 0
    assert budget.dropped == 800
    assert not budget.is_refilled(0.9)
    assert budget.is_refilled(1.0)
    assert budget.take(10, 1.0) == 10
    assert budget.note() == (
        "[bellwire] 800 bytes of output dropped: more than 1000 in a second "
        "(custom.bellwire.limits.logBytesPerS)"
    )
    assert budget.dropped == 0


def test_small_writes_cost_more_than_their_bytes() -> None:
    budget = Budget(10 * WRITE_COST_BYTES)
    assert [budget.take(1, 0.0) for _ in range(11)] == [1] * 10 + [0]


def test_a_console_sends_a_line_at_a_time() -> None:
    receiver = Receiver()
    print("a", 1, "é\ud800", file=receiver.console)
    print("part", end="", file=receiver.console)
    assert receiver.sent == [b"a 1 \xc3\xa9\\ud800\n"]
    receiver.console.settle()
    assert receiver.sent[1:] == [b"part"]


def test_a_console_is_a_stream_like_any_other() -> None:
    console = Receiver().console
    assert (console.encoding, console.fileno(), console.isatty()) == ("utf-8", 2, False)
    assert console.writable()
    assert not console.readable()
    console.buffer.write(b"raw")


def test_a_message_of_several_lines_stays_one() -> None:
    receiver = Receiver()
    receiver.console.write_line("a\r\nb\n\nc\n")
    print("d\ne", file=receiver.console)
    assert receiver.sent[0] == b"a\rb\r\rc\n"
    assert Lines(100).feed(b"".join(receiver.sent)) == ["a\nb\n\nc", "d", "e"]


def test_write_line_ends_a_line_once() -> None:
    receiver = Receiver()
    receiver.console.write_line("a")
    receiver.console.write_line("b\n")
    assert receiver.sent == [b"a\n", b"b\n"]


def test_a_flood_is_dropped_and_told_when_more_may_pass() -> None:
    receiver = Receiver(bytes_per_s=100)
    receiver.console.write("x" * 150 + "\n")
    receiver.console.write("lost\n")
    receiver.clock.now += 1
    receiver.console.write("again\n")
    note = (
        b"\n[bellwire] 56 bytes of output dropped: more than 100 in a second "
        b"(custom.bellwire.limits.logBytesPerS)\n"
    )
    assert receiver.sent == [b"x" * 100, note, b"again\n"]


def test_what_was_dropped_is_told_at_the_end_of_an_invocation() -> None:
    receiver = Receiver(bytes_per_s=100)
    receiver.console.write("x" * 101)
    receiver.console.settle()
    assert receiver.sent[0] == b"x" * 100
    assert receiver.sent[1].startswith(b"\n[bellwire] 1 bytes of output dropped")
    receiver.console.settle()
    assert len(receiver.sent) == 2


def test_a_closed_console_settles_in_silence() -> None:
    receiver = Receiver()
    receiver.console.close()
    receiver.console.settle()
    assert receiver.sent == []
