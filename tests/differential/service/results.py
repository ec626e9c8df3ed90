"""What handlers return. The first line of each says what it is; the page shows it."""

from __future__ import annotations

import array
import asyncio
import collections
import datetime
import decimal
import enum
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple


def handler(event: Any, context: Any) -> Any:
    return globals()[event["do"]](event.get("event"), context)


def echo(event: Any, context: Any) -> Any:
    return event


class Point(NamedTuple):
    x: int
    y: int


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    HIGH = 3


class Name(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "the text of a subclass"


class Whole(int):
    def __repr__(self) -> str:
        return "the number of a subclass"


class Real(float):
    def __repr__(self) -> str:
        return "the float of a subclass"


class Mapped(dict[str, int]):
    """A dict that shows other items than it has."""

    def items(self) -> Any:
        return [("shown", 1)]


class ForJson:
    def for_json(self) -> dict[str, int]:
        return {"for": 1}


@dataclass
class Record:
    name: str


def nothing(event: Any, context: Any) -> None:
    """Nothing"""


def numbers(event: Any, context: Any) -> Any:
    """Numbers: integers, floats, -0.0, the smallest and largest"""
    return [0, -1, 2**53 + 1, 1.0, -0.0, 0.1, 1e300, 5e-324, 1e16, 1e-7, True]


def huge_integer(event: Any, context: Any) -> int:
    """An integer of 4 000 digits"""
    return int("7" * 4000)


def too_huge_integer(event: Any, context: Any) -> int:
    """An integer of more digits than Python prints"""
    return 10**5000


def not_numbers(event: Any, context: Any) -> Any:
    """NaN, Infinity, -Infinity"""
    return [float("nan"), float("inf"), -float("inf")]


def text(event: Any, context: Any) -> Any:
    """Text of all planes, control characters, separators U+2028 and U+2029"""
    return {"a ä": '€ 😀 " \\ / \x00 \x1f \x7f \x80 \u2028 \u2029 \ufeff \uffff', "": ""}


def lone_surrogate(event: Any, context: Any) -> Any:
    """A lone surrogate, in a value"""
    return {"a": "\ud800"}


def lone_surrogate_key(event: Any, context: Any) -> Any:
    """A lone surrogate, in a key"""
    return {"\udfff": 1}


def surrogate_pair(event: Any, context: Any) -> Any:
    """A pair of surrogates that no text should have"""
    return "\ud83d\ude00"


def keys(event: Any, context: Any) -> Any:
    """Keys that are no text: a number, a float, true, null"""
    return {2: "int", 1.5: "float", True: "bool", None: "none", 2**70: "large"}


def same_keys(event: Any, context: Any) -> Any:
    """Two keys that become the same text"""
    return {1: "number", "1": "text"}


def tuple_key(event: Any, context: Any) -> Any:
    """A key that is a tuple"""
    return {(1, 2): 3}


def bytes_key(event: Any, context: Any) -> Any:
    """A key that is bytes"""
    return {b"key": 1}


def decimal_key(event: Any, context: Any) -> Any:
    """A key that is a Decimal"""
    return {Decimal("1.5"): 1}


def enum_key(event: Any, context: Any) -> Any:
    """Keys of enumerations and subclasses of str and int"""
    return {Level.HIGH: 1, Name("n"): 2, Whole(3): 4, Real(0.5): 6}


def none_key_subclass(event: Any, context: Any) -> Any:
    """A key that is an enumeration's member"""
    return {Colour.RED: 1}


def decimals(event: Any, context: Any) -> Any:
    """Decimals: all digits are kept"""
    return [Decimal("1.50"), Decimal(7), Decimal("1E+400"), Decimal("-0"), Decimal("0.1") ** 9]


def odd_decimals(event: Any, context: Any) -> Any:
    """Decimals that are no numbers"""
    return [Decimal("NaN"), Decimal("-NaN"), Decimal("sNaN"), Decimal("Infinity")]


def bare_decimal(event: Any, context: Any) -> Any:
    """A Decimal by itself"""
    return decimal.Decimal("3.14000")


def raw_bytes(event: Any, context: Any) -> bytes:
    """Bytes: passed on as they are"""
    return b'{"raw":   1}\n'


def raw_bytes_no_text(event: Any, context: Any) -> bytes:
    """Bytes that are no UTF-8"""
    return b"\xff\x00\xfe"


def no_bytes(event: Any, context: Any) -> bytes:
    """Bytes, none of them"""
    return b""


def inner_bytes(event: Any, context: Any) -> Any:
    """Bytes inside a result: become text"""
    return {"a": "é".encode(), "b": [b""]}


def inner_bytes_no_text(event: Any, context: Any) -> Any:
    """Bytes inside a result that are no UTF-8"""
    return [b"ok", b"\xff"]


def byte_array(event: Any, context: Any) -> Any:
    """A bytearray"""
    return bytearray(b"x")


def memory_view(event: Any, context: Any) -> Any:
    """A memoryview inside a list"""
    return [memoryview(b"x")]


def a_set(event: Any, context: Any) -> Any:
    """A set"""
    return {1}


def a_tuple(event: Any, context: Any) -> Any:
    """A tuple, and one inside"""
    return (1, (2, "b"), ())


def named_tuple(event: Any, context: Any) -> Any:
    """A named tuple"""
    return Point(1, 2)


def inner_named_tuple(event: Any, context: Any) -> Any:
    """Named tuples inside lists, tuples, dicts and one another"""
    made = collections.namedtuple("made", "a, b")
    return {"p": [Point(1, 2), (Point(3, 4),)], "m": made(1, made(Point(5, 6), [7]))}


def deque(event: Any, context: Any) -> Any:
    """A deque"""
    return collections.deque([1])


def dict_kinds(event: Any, context: Any) -> Any:
    """Dicts of other kinds: OrderedDict, defaultdict, Counter"""
    default: dict[str, int] = collections.defaultdict(int, d=2)
    return [collections.OrderedDict(o=1), default, collections.Counter("c")]


def dict_subclass(event: Any, context: Any) -> Any:
    """A dict whose items() says something else"""
    return Mapped(real=2)


def mapping(event: Any, context: Any) -> Any:
    """A mapping that is no dict"""
    return MappingProxyType({"a": 1})


def subclasses(event: Any, context: Any) -> Any:
    """Subclasses of str, int and float with a text of their own"""
    return [Name("n"), Whole(3), Real(0.5), Level.HIGH]


def enumeration(event: Any, context: Any) -> Any:
    """A member of an enumeration"""
    return Colour.RED


def a_dataclass(event: Any, context: Any) -> Any:
    """A dataclass"""
    return Record("a")


def date_and_time(event: Any, context: Any) -> Any:
    """A datetime"""
    return {"at": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)}


def a_uuid(event: Any, context: Any) -> Any:
    """A UUID"""
    return uuid.UUID(int=1)


def a_path(event: Any, context: Any) -> Any:
    """A path"""
    return Path("/")


def an_array(event: Any, context: Any) -> Any:
    """An array of numbers"""
    return array.array("i", [1])


def a_range(event: Any, context: Any) -> Any:
    """A range"""
    return range(2)


def an_exception(event: Any, context: Any) -> Any:
    """An exception, returned and not raised"""
    return ValueError("returned")


def a_function(event: Any, context: Any) -> Any:
    """A function"""
    return echo


def a_class(event: Any, context: Any) -> Any:
    """A class"""
    return dict


def an_object(event: Any, context: Any) -> Any:
    """An object that knows for_json()"""
    return ForJson()


def not_implemented(event: Any, context: Any) -> Any:
    """NotImplemented and Ellipsis"""
    return [NotImplemented, ...]


def complex_number(event: Any, context: Any) -> Any:
    """A complex number"""
    return 1j


def generator(event: Any, context: Any) -> Iterator[int]:
    """A generator"""
    yield 1


def an_iterator(event: Any, context: Any) -> Any:
    """An iterator"""
    return iter([1])


async def coroutine(event: Any, context: Any) -> int:
    """An async handler: what it returns is a coroutine"""
    return 1


async def async_generator(event: Any, context: Any) -> AsyncIterator[int]:
    """An async generator"""
    yield 1


async def slow_coroutine(event: Any, context: Any) -> None:
    """An async handler that would sleep"""
    await asyncio.sleep(60)


def the_context(event: Any, context: Any) -> Any:
    """The context itself"""
    return context


def circle(event: Any, context: Any) -> Any:
    """A list that holds itself"""
    ring: list[Any] = []
    ring.append(ring)
    return ring


def depth_of_500(event: Any, context: Any) -> Any:
    """A list 500 deep"""
    return nest(500)


def depth_without_end(event: Any, context: Any) -> Any:
    """A list 100 000 deep"""
    return nest(100_000)


def nest(depth: int) -> list[Any]:
    deep: list[Any] = []
    for _ in range(depth):
        deep = [deep]
    return deep


def large(event: Any, context: Any) -> str:
    """A result of 5.9 MB"""
    return "x" * 5_900_000


def large_unicode(event: Any, context: Any) -> str:
    """A result of 5.9 MB in characters of three bytes"""
    return "€" * 1_966_000


def at_the_limit(event: Any, context: Any) -> str:
    """A result of exactly 6 291 556 bytes, the largest"""
    return "x" * (6_291_556 - 2)


def over_the_limit(event: Any, context: Any) -> str:
    """A result of 6 291 557 bytes, one too many"""
    return "x" * (6_291_557 - 2)


def seven_megabytes(event: Any, context: Any) -> str:
    """A result of 7 MB"""
    return "x" * 7_000_000


def many_keys(event: Any, context: Any) -> Any:
    """A dict of 20 000 keys"""
    return {f"key-{number}": [number, None] for number in range(20_000)}
