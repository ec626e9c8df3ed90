from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import orjson
import pytest

from bellwire.simulation import make_devices, simulate, topic_of_device


RANGES: dict[str, tuple[float, float]] = {
    "temperature": (12, 30),
    "humidity": (10, 80),
    "battery.level": (0, 100),
    "rpm": (1200, 1700),
    "pressure": (1.5, 5),
    "flow": (5, 20),
    "power": (60, 3000),
    "voltage": (220, 240),
    "energy": (1000, 20_100),
    "speed": (0, 120),
    "heading": (0, 359),
    "location.lat": (47, 49),
    "location.lon": (10, 13),
}


def flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested parameters by their dotted paths."""
    found: dict[str, Any] = {}
    for name, content in value.items():
        if isinstance(content, dict):
            found |= flat(content, f"{prefix}{name}.")
        else:
            found[prefix + name] = content
    return found


def test_devices_are_named_by_kind_and_number() -> None:
    assert list(make_devices(6, seed=1)) == [
        "thermostat-1",
        "pump-1",
        "meter-1",
        "tracker-1",
        "thermostat-2",
        "pump-2",
    ]
    assert make_devices(0, seed=1) == {}


def test_the_same_seed_gives_the_same_values_whatever_the_number_of_devices() -> None:
    few, many, others = make_devices(4, seed=1), make_devices(40, seed=1), make_devices(4, seed=2)
    for name in few:
        steps = [few[name].step(1.0) for _ in range(20)]
        assert steps == [many[name].step(1.0) for _ in range(20)]
        assert steps != [others[name].step(1.0) for _ in range(20)]


@pytest.mark.parametrize("elapsed_s", [0.0, 0.1, 1.0, 10.0])
def test_values_are_believable_and_change(elapsed_s: float) -> None:
    seen: dict[str, set[Any]] = {}
    for name, device in make_devices(40, seed=7).items():
        assert name.startswith(device.kind)
        for _ in range(300):
            for parameter, value in flat(device.step(elapsed_s)).items():
                seen.setdefault(parameter, set()).add(value)
    assert set(seen) == {*RANGES, "heating", "state", "battery.low"}
    for parameter, (low, high) in RANGES.items():
        assert low <= min(seen[parameter]) <= max(seen[parameter]) <= high, parameter
    assert seen["state"] <= {"running", "high pressure"}
    assert seen["heating"] == {True, False}
    changing = {name for name, values in seen.items() if len(values) > 1}
    assert changing >= {*RANGES}


def test_a_battery_runs_down_and_a_meter_counts_up() -> None:
    devices = make_devices(4, seed=3)
    levels = [flat(devices["thermostat-1"].step(600))["battery.level"] for _ in range(200)]
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] == 0
    energy = [flat(devices["meter-1"].step(10))["energy"] for _ in range(200)]
    assert energy == sorted(energy)
    assert energy[-1] > energy[0]


def test_neighbouring_values_are_close_as_measurements_are() -> None:
    device = make_devices(1, seed=5)["thermostat-1"]
    values: list[Any] = [device.step(1.0)["temperature"] for _ in range(500)]
    steps = [abs(after - before) for before, after in pairwise(values)]
    assert max(steps) < 1.0
    assert max(values) - min(values) > 1.0


def test_every_device_publishes_about_once_a_second_spread_over_it() -> None:
    published: list[tuple[float, str, Any]] = []

    async def publish(topic: str, payload: bytes) -> None:
        published.append((asyncio.get_running_loop().time(), topic, orjson.loads(payload)))

    async def main() -> None:
        devices = make_devices(10, seed=1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(simulate(devices, publish), 1.55)
        first = {topic for _, topic, _ in published[:10]}
        assert first == {topic_of_device(name) for name in devices}
        assert 12 <= len(published) <= 16
        gaps = [later[0] - earlier[0] for earlier, later in pairwise(published)]
        assert max(gaps) < 0.4
        assert all(set(document) == {"value"} for _, _, document in published)

    asyncio.run(main())


def test_what_publishing_takes_does_not_slow_the_devices_down() -> None:
    published = 0

    async def publish(topic: str, payload: bytes) -> None:
        nonlocal published
        published += 1
        await asyncio.sleep(0.008)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(simulate(make_devices(50, seed=1), publish), 2.0)

    asyncio.run(main())
    assert published >= 85  # 71 where every device waited for the others' acknowledgements, too


def test_an_error_of_the_broker_ends_the_simulation() -> None:
    async def publish(topic: str, payload: bytes) -> None:
        raise ConnectionError("the broker is away")

    async def main() -> None:
        with pytest.raises(ConnectionError):
            await simulate(make_devices(2, seed=1), publish)

    asyncio.run(main())
