from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as some

from bellwire.bus.origins import PROPERTIES_HEADER, origin_of, properties_header
from bellwire.origin import UNKNOWN, MqttProperties, Origin


TEXTS = some.none() | some.text()


@settings(deadline=None)  # the first example waits for what the machine does besides
@given(
    some.builds(
        MqttProperties,
        content_type=TEXTS,
        is_text=some.none() | some.booleans(),
        response_topic=TEXTS,
        correlation_data=some.none() | some.binary(),
        user=some.lists(some.tuples(some.text(), some.text())).map(tuple),
    )
)
def test_properties_come_through_a_header_of_one_line(properties: MqttProperties) -> None:
    header = properties_header(properties)
    assert header.isascii()
    assert header.isprintable()
    assert origin_of({PROPERTIES_HEADER: header}) == Origin(properties=properties)


def test_without_the_header_nothing_is_known() -> None:
    assert origin_of(None) is UNKNOWN
    assert origin_of({"Nmqtt-Pub": "1"}) is UNKNOWN
