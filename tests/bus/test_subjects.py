from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.msg import Msg

from bellwire.bus.subjects import check_topic, subject_of, topic_of
from bellwire.errors import BadRequestError


if TYPE_CHECKING:
    from tests.bus.conftest import Inbox, StartBroker

ODD_TOPICS = {
    "a": "a",
    "devices/pump-1/parameters": "devices.pump-1.parameters",
    "a.b": "a//b",
    "a..b": "a////b",
    ".": "//",
    "a.": "a//",
    "a/./b": "a.//.b",
    "a/.b./c": "a.//b//.c",
    "/": "/./",
    "//": "/././",
    "/a": "/.a",
    "a/": "a./",
    "a//b": "a./.b",
    "/a/b/": "/.a.b./",
    "ü/ñ/🔔": "ü.ñ.🔔",
    "a:b,c;d'\"": "a:b,c;d'\"",
    "a/$b": "a.$b",
    "a*b/c>d": "a*b.c>d",
    "x" * 256: "x" * 256,
}


@pytest.mark.parametrize(("topic", "subject"), ODD_TOPICS.items())
def test_a_topic_as_a_subject_and_back(topic: str, subject: str) -> None:
    assert subject_of(topic) == subject
    assert topic_of(subject) == topic


@pytest.mark.parametrize(
    ("topic_filter", "subject"),
    [
        ("#", ">"),
        ("+", "*"),
        ("devices/+/parameters", "devices.*.parameters"),
        ("devices/#", "devices.>"),
        ("+/+/#", "*.*.>"),
        ("/+", "/.*"),
        ("a.b/+", "a//b.*"),
    ],
)
def test_a_filter_as_a_subject(topic_filter: str, subject: str) -> None:
    assert subject_of(topic_filter) == subject


topics = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=" +#*>", min_codepoint=33),
    min_size=1,
)


@given(topic=topics)
def test_every_topic_comes_back(topic: str) -> None:
    subject = subject_of(topic)
    assert topic_of(subject) == topic
    assert all(subject.split("."))  # NATS takes no empty token


@pytest.mark.parametrize("topic", ["", "a b", "a\tb", "a\nb", "a\x00b", " "])
def test_a_topic_the_broker_cannot_carry(topic: str) -> None:
    with pytest.raises(BadRequestError, match="topic"):
        subject_of(topic)


@pytest.mark.parametrize("topic", ["+", "#", "a/+/b", "a/#", "a+b"])
def test_nobody_publishes_to_a_filter(topic: str) -> None:
    assert subject_of(topic)
    with pytest.raises(BadRequestError, match="are for filters"):
        check_topic(topic)


def test_the_real_server_maps_each_topic_as_we_do(
    start_broker: StartBroker, make_inbox: Callable[..., Inbox]
) -> None:
    async def main() -> None:
        async with (
            start_broker() as broker,
            broker.bus() as bus,
            broker.nats() as onlooker,
            broker.device() as device,
        ):
            inbox = make_inbox()
            await bus.listen([inbox.source("all", "#")])
            subjects: list[str] = []

            async def note(message: Msg) -> None:
                if message.headers and "Nmqtt-Pub" in message.headers:
                    subjects.append(message.subject)

            await onlooker.subscribe(">", cb=note)
            await onlooker.flush()
            for topic in ODD_TOPICS:
                for qos in (0, 1):
                    await device.publish(topic, f"{qos}{topic}", qos=qos)
            sent = [(topic, qos) for topic in ODD_TOPICS for qos in (0, 1)]
            await inbox.wait_for(*(f"{qos}{topic}".encode() for topic, qos in sent))
            assert sorted((event.topic, int(event.durable)) for event in inbox.events) == sorted(
                sent
            )
            plain = {subject for subject in subjects if not subject.startswith("$")}
            assert plain == set(ODD_TOPICS.values())

    asyncio.run(main())


@pytest.mark.parametrize("topic", [b"a b", b"a\tb", b"a\x00b", b"a\xff", b"\xed\xa0\x80"])
def test_the_real_server_hangs_up_on_a_topic_it_cannot_carry(
    start_broker: StartBroker, make_inbox: Callable[..., Inbox], topic: bytes
) -> None:
    async def main() -> None:
        async with start_broker() as broker, broker.bus() as bus, broker.device() as device:
            inbox = make_inbox()
            await bus.listen([inbox.source("all", "#")])
            bad = await asyncio.to_thread(broker.raw_device)
            packet = len(topic).to_bytes(2) + topic + b"\x00\x01payload"
            bad.sendall(b"\x32" + bytes((len(packet),)) + packet)
            assert await asyncio.to_thread(bad.recv, 4) == b""
            bad.close()
            await device.publish("a", b"next", qos=1)
            await inbox.wait_for(b"next")
            assert inbox.payloads == [b"next"]

    asyncio.run(main())
