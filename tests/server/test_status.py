from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bellwire.functions.backlog import BacklogStatistics
from bellwire.functions.statistics import Loss, Recorder
from bellwire.histogram import Histogram
from bellwire.iot.delivery import DeliveryStatistics


if TYPE_CHECKING:
    from tests.server.conftest import Run, Serve


def test_the_whole_node_is_one_document(run: Run, serve: Serve) -> None:
    recorder = Recorder()
    recorder.ready(80.0)
    recorder.started(1)
    recorder.completed(2.0, is_error=False)
    recorder.started(1)
    recorder.lost(Loss.TIMEOUT, duration_ms=4.0)

    async def main() -> None:
        async with serve() as server, server.connect():
            server.function_statistics["set"] = recorder.view(
                starting=1, idle=2, busy=3, provisioned=0, waiting=4
            )
            server.backlog_statistics["set"] = BacklogStatistics(
                9, 8, 7, 6, 5, 4, 3, Histogram().view()
            )
            server.rule_statistics["rule"] = DeliveryStatistics(9, 8, 7, 6, 5, 4, 3, 2)
            answer = await server.request("GET", "/status")
        assert (answer.status, answer.headers["content-type"][:16]) == (200, "application/json")
        assert json.loads(answer.body) == {
            "ready": True,
            "node": {"service": "app"},
            "connections": {
                "open": 1,
                "connecting": 0,
                "opened": 1,
                "slow_consumers_cut": 0,
                "limit": 100_000,
            },
            "functions": {
                "set": {
                    "invocations": 2,
                    "errors": 1,
                    "throttles": 0,
                    "timeouts": 1,
                    "crashes": 0,
                    "out_of_memory": 0,
                    "init_failures": 0,
                    "cold_starts": 1,
                    "duration_ms": {"count": 2, "mean": 3.0, "p50": 2.5, "p99": 3.97, "max": 4.0},
                    "init_duration_ms": {
                        "count": 1,
                        "mean": 80.0,
                        "p50": 65.0,
                        "p99": 79.7,
                        "max": 80.0,
                    },
                    "provisioned_invocations": 0,
                    "spillovers": 0,
                    "concurrent_max": 1,
                    "starting": 1,
                    "idle": 2,
                    "busy": 3,
                    "provisioned": 0,
                    "provisioned_concurrency": 0,
                    "waiting": 4,
                    "async_events_received": 9,
                    "async_events_retried": 8,
                    "async_events_throttled": 7,
                    "async_events_dropped": 6,
                    "dead_letter_errors": 5,
                    "destination_delivery_failures": 4,
                    "async_events_running": 3,
                    "async_event_age_ms": {"count": 0},
                }
            },
            "rules": {
                "rule": {
                    "received": 9,
                    "unmatched": 8,
                    "delivered": 7,
                    "retried": 6,
                    "dead_lettered": 5,
                    "dropped": 4,
                    "running": 3,
                    "waiting": 2,
                    "failures": 0,
                    "error_actions": 0,
                    "error_action_failures": 0,
                }
            },
            "broker": None,
            "notifier": {
                "connections": 2,
                "devices_listened_to": 3,
                "devices_known": 4,
                "changes": 5,
                "pushes": 6,
            },
            "shadows": {
                "accepted": {"update_http": 4},
                "rejected": 3,
                "dropped": 2,
                "running": 1,
            },
            "dead_letters": {"kept": 4, "buried": 3, "removed": 2, "discarded": 1},
        }

    run(main())


def test_a_node_that_is_not_ready_says_so(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            server.is_ready = False
            answer = await server.request("GET", "/status")
            assert (answer.status, json.loads(answer.body)["ready"]) == (200, False)

    run(main())


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null"])
def test_a_page_of_another_site_learns_nothing(run: Run, serve: Serve, origin: str) -> None:
    async def main() -> None:
        async with serve() as server:
            answer = await server.request("GET", "/status", Origin=origin)
            assert answer.status == 403
            assert b"connections" not in answer.body

    run(main())
