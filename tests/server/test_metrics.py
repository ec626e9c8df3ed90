from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families


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
