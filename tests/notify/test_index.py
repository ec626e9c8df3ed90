"""The index of listeners, against a model that looks at every connection each time."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from bellwire.notify.index import Index
from bellwire.notify.lists import NotifyList
from bellwire.notify.values import pick


DEVICES = st.sampled_from(["d", "e"])
PATHS = st.sampled_from(["a", "b", "n.x", "n"])
LISTS = st.dictionaries(
    DEVICES, st.none() | st.lists(PATHS, min_size=1, max_size=3, unique=True).map(tuple)
)
VALUES = st.dictionaries(
    st.sampled_from(["a", "b", "n"]),
    st.integers(0, 3) | st.dictionaries(st.sampled_from(["x", "y"]), st.integers(0, 3)),
)
STEPS = st.lists(
    st.tuples(st.just("set"), st.sampled_from("pqrs"), LISTS)
    | st.tuples(st.just("forget"), st.sampled_from("pqrs"), st.none())
    | st.tuples(st.just("change"), DEVICES, VALUES),
    max_size=30,
)


def received(index: Index, device_id: str, value: Mapping[str, object]) -> dict[str, object]:
    """Return what each connection gets of a change; none may get two frames."""
    frames: dict[str, object] = {}
    for audience in index.audiences(device_id, value):
        for connection_id in audience.connections:
            assert connection_id not in frames, "two frames for one change"
            frames[connection_id] = value if audience.parameters is None else audience.parameters
    return frames


@given(STEPS)
def test_everybody_gets_exactly_what_they_listen_to(steps: list[tuple[str, str, object]]) -> None:
    index = Index()
    model: dict[str, NotifyList] = {}
    for what, name, detail in steps:
        if what == "set":
            assert isinstance(detail, dict)
            index.set(name, detail)
            model[name] = detail
        elif what == "forget":
            index.forget(name)
            model.pop(name, None)
        else:
            assert isinstance(detail, dict)
            expected = {}
            for connection_id, entries in model.items():
                if name in entries:
                    names = entries[name]
                    content = detail if names is None else pick(detail, names)
                    if content or names is None:
                        expected[connection_id] = content
            assert received(index, name, detail) == expected
    for connection_id in list(model):
        index.forget(connection_id)
    assert (len(index), index.device_count) == (0, 0), "something was left behind"


def test_the_order_of_a_list_makes_no_other_frame() -> None:
    index = Index()
    index.set("p", {"d": ("a", "b", "y")})
    index.set("q", {"d": ("b", "a")})
    (audience,) = index.audiences("d", {"b": 2, "a": 1})
    assert list(audience.parameters or ()) == ["a", "b"]
    assert audience.connections == ["p", "q"]


def test_delivering_may_change_the_lists() -> None:
    index = Index()
    for connection_id in ("p", "q", "r"):
        index.set(connection_id, {"d": None if connection_id == "r" else (connection_id,)})
    served: list[str] = []
    for audience in index.audiences("d", {"p": 1, "q": 2}):
        served.extend(audience.connections)
        for connection_id in ("p", "q", "r"):
            index.forget(connection_id)
    assert sorted(served) == ["p", "q", "r"]
    assert index.device_count == 0


def test_what_others_listen_to_costs_nothing() -> None:
    """Ten thousand who listen to other parameters of the device are not even looked at."""

    class Watched(dict[str, object]):
        looks = 0

        def __contains__(self, name: object) -> bool:
            self.looks += 1
            return super().__contains__(name)

    index = Index()
    for number in range(10_000):
        index.set(f"c{number}", {"d": (f"parameter-{number}", f"object-{number}.level")})
    value = Watched({"parameter-7": 1, "object-8": {"level": 2}, "other": 3})
    found = {
        audience.connections[0]: audience.parameters for audience in index.audiences("d", value)
    }
    assert found == {"c7": {"parameter-7": 1}, "c8": {"object-8.level": 2}}
    assert value.looks < 10


def test_those_who_get_the_same_are_one_audience() -> None:
    index = Index()
    index.set("p", {"d": ("a", "b")})
    index.set("q", {"d": ("a", "z")})
    index.set("r", {"d": ("a",)})
    (audience,) = index.audiences("d", {"a": 1})
    assert audience.parameters == {"a": 1}
    assert sorted(audience.connections) == ["p", "q", "r"]
