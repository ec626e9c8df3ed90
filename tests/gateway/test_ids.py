from __future__ import annotations

from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.gateway.ids import IdSource, is_well_formed, node_of


def source(*, node: str = "0a0b0c", sequence: int = 0, second: float = 1_731_324_924.9) -> IdSource:
    return IdSource(node, sequence=sequence, clock=lambda: second)


def test_the_bytes_of_an_id_are_second_sequence_node_and_kind() -> None:
    ids = source(sequence=0xFF)
    decoded = [
        urlsafe_b64decode(make()).hex()
        for make in (ids.connection_id, ids.message_id, ids.request_id)
    ]
    assert decoded == [
        "6731ebfc" + "000100" + "0a0b0c" + "02",
        "6731ebfc" + "000101" + "0a0b0c" + "03",
        "6731ebfc" + "000102" + "0a0b0c" + "04",
    ]


@given(
    node=st.binary(min_size=3, max_size=3),
    sequence=st.integers(0, 0xFFFFFF),
    second=st.floats(0, 2**32 - 1),
)
def test_every_id_has_the_form_of_aws_and_names_its_node(
    node: bytes, sequence: int, second: float
) -> None:
    ids = source(node=node.hex(), sequence=sequence, second=second)
    for made in (ids.connection_id(), ids.message_id(), ids.request_id()):
        assert len(made) == 16
        assert made.endswith("=")
        assert is_well_formed(made)
        assert node_of(made) == node.hex()


def test_ids_of_one_second_differ_and_the_sequence_wraps() -> None:
    ids = source(sequence=0xFFFFFF - 500)
    made = [make() for _ in range(500) for make in (ids.connection_id, ids.request_id)]
    assert len(set(made)) == 1000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "BFaT_fALIAMCKug",  # no padding
        "BFaT_fALIAMCKu==",
        "BFaT_fALIAMCKug==",
        "BFaT+fALIAMCKug=",  # not the URL-safe alphabet
        "BFaT_fALIAMCKuh=",  # bits that eleven bytes do not have
        "cjy8i76bx002884le6n17d49b",
        "BFaT_fALIAMCKug=\n",
        "BFaT_fALIAMCKü g=",
        "../../etc/passwd",
    ],
)
def test_what_is_no_id_is_told(text: str) -> None:
    assert not is_well_formed(text)


@pytest.mark.parametrize("captured", ["BFaT_fALIAMCKug=", "eHrdFcnvvHcCE-w=", "L0SM9cOFvHcCIhw="])
def test_ids_that_aws_gave_are_well_formed(captured: str) -> None:
    assert is_well_formed(captured)


@pytest.mark.parametrize("node", ["", "0a0b", "0a0b0c0d"])
def test_a_node_id_is_three_bytes(node: str) -> None:
    with pytest.raises(ValueError, match="a node id is 6 hexadecimal digits"):
        source(node=node)
