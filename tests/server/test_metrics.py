from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from bellwire.functions.backlog import BacklogStatistics
from bellwire.functions.statistics import Loss, Recorder
from bellwire.histogram import Histogram
from bellwire.iot.delivery import DeliveryStatistics


if TYPE_CHECKING:
    from tests.server.conftest import Run, Serve


def test_metrics_are_named_as_cloudwatchs(run: Run, serve: Serve) -> None:
    """docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-logging.html"""

    async def main() -> None:
        async with serve(["$connect", "echo"]) as server, server.connect() as client:
            await client.send('{"action":"echo"}')
            await client.recv()
            await client.send("nowhere")
            await client.recv()
            answer = await server.request("GET", "/metrics")
            assert answer.status == 200
            assert answer.headers["content-type"].startswith("text/plain; version=")
            samples = {
                (sample.name, sample.labels.get("Route")): sample.value
                for family in text_string_to_metric_families(answer.body.decode())
                for sample in family.samples
                if sample.labels.get("le", "+Inf") == "+Inf"
            }
            assert samples["bellwire_ConnectCount_total", "$connect"] == 1
            assert samples["bellwire_MessageCount_total", "echo"] == 1
            assert samples["bellwire_MessageCount_total", "(out)"] == 2
            assert samples["bellwire_ClientError_total", ""] == 1
            assert samples["bellwire_ExecutionError_total", "echo"] == 0
            assert samples["bellwire_IntegrationError_total", "echo"] == 0
            assert samples["bellwire_IntegrationLatency_seconds_bucket", "echo"] == 1
            assert samples["bellwire_IntegrationLatency_seconds_count", "echo"] == 1
            assert 0 < samples["bellwire_IntegrationLatency_seconds_sum", "echo"] < 1
            assert samples["bellwire_connections", None] == 1
            labels = re.findall(rb"ConnectCount_total\{([^}]*)\}", answer.body)
            assert labels[0] == b'ApiId="abcdef1234",Route="$connect",Stage="dev"'

    run(main())


def samples_of(text: str) -> dict[str, float]:
    """Return each sample as `name{label=value,…}`, of histograms only what is above no bound."""
    return {
        f"{sample.name}{{{','.join(f'{k}={v}' for k, v in sample.labels.items() if k != 'le')}}}": (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("le", "+Inf") == "+Inf"
    }


def test_a_functions_metrics_are_named_as_cloudwatchs(run: Run, serve: Serve) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"""
    recorder = Recorder(provisioned_concurrency=2)
    recorder.ready(120.0)
    for concurrent in (1, 2, 3):
        recorder.started(concurrent)
        recorder.completed(2.0 * concurrent, is_error=concurrent == 3)
    recorder.throttled()
    recorder.lost(Loss.CRASH, duration_ms=None)
    ages = Histogram()
    ages.observe(1500.0)

    async def main() -> None:
        async with serve() as server:
            server.function_statistics["set"] = recorder.view(
                starting=1, idle=2, busy=1, provisioned=2, waiting=4
            )
            server.backlog_statistics["set"] = BacklogStatistics(9, 8, 7, 6, 5, 4, 3, ages.view())
            server.rule_statistics["rule"] = DeliveryStatistics(9, 8, 7, 6, 5, 4, 3, 2)
            answer = await server.request("GET", "/metrics")
            found = samples_of(answer.body.decode())
        told = {name: value for name, value in found.items() if "FunctionName=app-dev-set" in name}
        assert {
            name.removeprefix("bellwire_").partition("{")[0]: value for name, value in told.items()
        } == {
            "Invocations_total": 3,
            "Errors_total": 1,
            "Throttles_total": 1,
            "Duration_seconds_bucket": 3,
            "Duration_seconds_count": 3,
            "Duration_seconds_sum": 0.012,
            "ConcurrentExecutions": 1,
            "ProvisionedConcurrencyInvocations_total": 2,
            "ProvisionedConcurrencySpilloverInvocations_total": 1,
            "ProvisionedConcurrencyUtilization": 0.5,
            "AsyncEventsReceived_total": 9,
            "AsyncEventAge_seconds_bucket": 1,
            "AsyncEventAge_seconds_count": 1,
            "AsyncEventAge_seconds_sum": 1.5,
            "AsyncEventsDropped_total": 6,
            "DeadLetterErrors_total": 5,
            "DestinationDeliveryFailures_total": 4,
            "function_waiting": 4,
            "function_concurrent_max": 3,
            "function_starting": 1,
            "function_idle": 2,
            "function_provisioned": 2,
            "function_init_duration_seconds_bucket": 1,
            "function_init_duration_seconds_count": 1,
            "function_init_duration_seconds_sum": 0.12,
            "function_init_failures_total": 0,
            "function_timeouts_total": 0,
            "function_crashes_total": 1,
            "function_out_of_memory_total": 0,
            "function_async_events_retried_total": 8,
            "function_async_events_throttled_total": 7,
            "function_async_events_running": 3,
        }
        assert found["bellwire_rule_received_total{rule=rule}"] == 9
        assert found["bellwire_rule_waiting{rule=rule}"] == 2
        assert found["bellwire_rules_not_found_total{}"] == 12
        assert found["bellwire_notify_pushes{}"] == 6
        assert found["bellwire_log_lines_kept_total{}"] == 7
        assert found["bellwire_log_lines_lost_total{}"] == 8
        assert found["bellwire_UpdateThingShadow_Accepted_total{Protocol=HTTP}"] == 4
        assert found["bellwire_UpdateThingShadow_Accepted_total{Protocol=MQTT}"] == 0
        assert found["bellwire_shadow_rejected_total{}"] == 3
        assert found["bellwire_shadow_running{}"] == 1
        assert found["bellwire_dead_letters_kept{}"] == 4
        assert found["bellwire_dead_letters_discarded_total{}"] == 1

    run(main())


def test_without_provisioned_concurrency_there_are_no_figures_of_it(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            server.function_statistics["set"] = Recorder().view(
                starting=0, idle=0, busy=0, provisioned=0, waiting=0
            )
            answer = await server.request("GET", "/metrics")
            found = samples_of(answer.body.decode())
        assert found["bellwire_Invocations_total{FunctionName=app-dev-set}"] == 0
        assert not [name for name in found if "rovisioned" in name]

    run(main())
