"""Believable devices for `--simulate`: thermostats, pumps, meters and trackers.

A device is a pure state machine: `step` moves its parameters on and returns what it would publish.
Analogue values wander around a resting point (an Ornstein-Uhlenbeck walk), so that they look like
measurements rather than noise; the others follow from them.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import orjson


Publish = Callable[[str, bytes], Awaitable[None]]

_PERIOD_S = 1.0


@dataclass(slots=True)
class Walk:
    """A value that wanders around `rest`, by about `spread`, and forgets in about `memory_s`."""

    rest: float
    spread: float
    memory_s: float
    value: float

    def step(self, elapsed_s: float, draw: random.Random) -> float:
        """Move on by some seconds and return the new value."""
        keep = math.exp(-elapsed_s / self.memory_s)
        noise = self.spread * math.sqrt(1 - keep * keep)
        self.value = self.rest + (self.value - self.rest) * keep + draw.gauss(0.0, noise)
        return self.value


def _walk(draw: random.Random, rest: float, spread: float, memory_s: float) -> Walk:
    return Walk(rest, spread, memory_s, draw.gauss(rest, spread))


class Thermostat:
    """A room: temperature, humidity, whether it heats, a battery that runs down."""

    kind = "thermostat"

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._temperature = _walk(draw, 21.0, 1.2, 90.0)
        self._humidity = _walk(draw, 45.0, 6.0, 180.0)
        self._battery = draw.uniform(40.0, 100.0)

    def step(self, elapsed_s: float) -> dict[str, object]:
        """Return what it would publish now."""
        temperature = self._temperature.step(elapsed_s, self._draw)
        self._battery = max(0.0, self._battery - elapsed_s * 0.002)
        return {
            "temperature": round(temperature, 1),
            "humidity": round(self._humidity.step(elapsed_s, self._draw)),
            "heating": temperature < 20.5,
            "battery": {"level": round(self._battery), "low": self._battery < 15},
        }


class Pump:
    """A pump: speed, pressure, flow, what state it is in."""

    kind = "pump"

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._rpm = _walk(draw, 1450.0, 40.0, 30.0)
        self._pressure = _walk(draw, 3.2, 0.25, 45.0)

    def step(self, elapsed_s: float) -> dict[str, object]:
        """Return what it would publish now."""
        rpm = self._rpm.step(elapsed_s, self._draw)
        pressure = self._pressure.step(elapsed_s, self._draw)
        return {
            "rpm": round(rpm),
            "pressure": round(pressure, 2),
            "flow": round(rpm / 1450 * 12.5 * math.sqrt(max(pressure, 0.0) / 3.2), 1),
            "state": "high pressure" if pressure > 3.6 else "running",
        }


class Meter:
    """An electricity meter: power, voltage, the energy counted so far."""

    kind = "meter"

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._power = _walk(draw, 850.0, 320.0, 60.0)
        self._voltage = _walk(draw, 230.0, 1.5, 20.0)
        self._energy = draw.uniform(1_000.0, 20_000.0)

    def step(self, elapsed_s: float) -> dict[str, object]:
        """Return what it would publish now."""
        power = max(60.0, self._power.step(elapsed_s, self._draw))
        self._energy += power * elapsed_s / 3_600_000
        return {
            "power": round(power),
            "voltage": round(self._voltage.step(elapsed_s, self._draw), 1),
            "energy": round(self._energy, 3),
        }


class Tracker:
    """A vehicle: where it is, how fast it goes, which way."""

    kind = "tracker"

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._speed = _walk(draw, 42.0, 14.0, 25.0)
        self._turn = _walk(draw, 0.0, 6.0, 10.0)
        self._heading = draw.uniform(0.0, 360.0)
        self._latitude = draw.uniform(48.10, 48.20)
        self._longitude = draw.uniform(11.50, 11.65)

    def step(self, elapsed_s: float) -> dict[str, object]:
        """Return what it would publish now."""
        speed = max(0.0, self._speed.step(elapsed_s, self._draw))
        self._heading = (self._heading + self._turn.step(elapsed_s, self._draw)) % 360
        degrees = speed / 3.6 * elapsed_s / 111_320
        self._latitude += degrees * math.cos(math.radians(self._heading))
        self._longitude += degrees * math.sin(math.radians(self._heading)) / 0.667
        return {
            "speed": round(speed, 1),
            "heading": round(self._heading) % 360,
            "location": {"lat": round(self._latitude, 5), "lon": round(self._longitude, 5)},
        }


Device = Thermostat | Pump | Meter | Tracker
_KINDS: tuple[type[Thermostat] | type[Pump] | type[Meter] | type[Tracker], ...] = (
    Thermostat,
    Pump,
    Meter,
    Tracker,
)


def make_devices(count: int, seed: int) -> dict[str, Device]:
    """Return `count` devices by name, the same ones for the same seed."""
    devices: dict[str, Device] = {}
    for number in range(count):
        kind = _KINDS[number % len(_KINDS)]
        name = f"{kind.kind}-{number // len(_KINDS) + 1}"
        devices[name] = kind(random.Random(f"{seed}:{name}"))
    return devices


def topic_of_device(device_id: str) -> str:
    """Return the topic on which a device of the parameter notifier publishes."""
    return f"devices/{device_id}/parameters"


async def simulate(devices: dict[str, Device], publish: Publish) -> None:
    """Let every device publish about once a second, spread over it, until cancelled."""
    loop = asyncio.get_running_loop()
    last = dict.fromkeys(devices, loop.time())
    due = loop.time()
    while True:
        for device_id, device in devices.items():
            # What publishing takes is no pause; after a long one not all of it is made up for.
            due = max(due, loop.time() - _PERIOD_S) + _PERIOD_S / len(devices)
            await asyncio.sleep(due - loop.time())
            now = loop.time()
            value = device.step(now - last[device_id])
            last[device_id] = now
            await publish(topic_of_device(device_id), orjson.dumps({"value": value}))
