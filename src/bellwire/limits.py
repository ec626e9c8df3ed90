"""Every bound of a node, in one place: AWS's quotas by default, each with its unit and source.

All can be set under `custom.bellwire.limits`, in the file's own camelCase (`idleTimeoutS: 1200`).
Sources, named in brackets below; "ours" was chosen by us, with the reason beside it:
[ws]
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
[lambda]
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one node. Names end in their unit."""

    # WebSocket API
    frame_bytes: int = 32 * 1024
    """Largest frame a client may send; more closes with 1009 [ws]."""
    message_bytes: int = 128 * 1024
    """Largest message in either direction; from a client more closes with 1009 [ws]."""
    idle_timeout_s: float = 600.0
    """A connection without messages for this long is closed with 1001 [ws]."""
    connection_duration_s: float = 7200.0
    """A connection older than this is closed with 1001 [ws]."""
    integration_timeout_ms: int = 29_000
    """Longest a route waits for its function [ws]."""
    new_connections_per_s: int = 0
    """New connections a second, of all APIs; more are answered 429. 0: no bound. AWS's is 500 for
    an account [ws]."""
    requests_per_s: int = 0
    """Messages, handshakes and calls of @connections a second, of all APIs; more are answered 429.
    0: no bound. AWS's is 10 000 for an account [ws]."""
    requests_burst: int = 5000
    """How many requests may come at once where `requests_per_s` is set [ws]."""
    half_open: int = 2000
    """Sockets that may be in the middle of their request head; more close the oldest. Ours."""
    http_requests: int = 1000
    """Requests of HTTP integrations that run at once; more are answered 429. Ours."""
    http_answer_bytes: int = 10 * 1024 * 1024
    """Largest answer of an HTTP integration. Ours: AWS's of other APIs
    [docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html]."""
    url_bytes: int = 4096
    """Longest path and query of a handshake [ws]."""
    request_head_bytes: int = 32 * 1024
    """Largest request line plus headers. Ours: AWS allows 10 KB of headers [ws]."""
    request_body_timeout_s: float = 10.0
    """A caller of the HTTP APIs that has not finished its body by then is answered 408. Ours."""
    request_head_timeout_s: float = 10.0
    """A client that has not finished its request head by then is dropped. Ours."""
    close_timeout_s: float = 5.0
    """How long a closing handshake may take before the socket is cut. Ours."""
    ping_interval_s: float = 30.0
    """Silence after which the server pings, to find dead peers; 0 pings never, as AWS. Ours."""
    ping_timeout_s: float = 30.0
    """A peer that has not answered a ping by then is taken for dead (1006). Ours."""
    send_queue_bytes: int = 1024 * 1024
    """Bytes waiting for one reader; more cuts the connection with 4008. Ours: eight messages."""
    messages_in_flight: int = 32
    """Messages of one connection being worked on; more waits in the socket. Ours."""
    connections: int = 100_000
    """Connections a node accepts; more are refused with 503. Ours: AWS has no such quota."""

    # Functions
    payload_bytes: int = 6 * 1024 * 1024
    """Largest event and result of a synchronous invocation [lambda]."""
    asynchronous_payload_bytes: int = 1024 * 1024
    """Largest event of an asynchronous invocation
    [docs.aws.amazon.com/lambda/latest/api/API_Invoke.html]."""
    log_tail_bytes: int = 4096
    """Most of a function's log that an invocation with LogType Tail returns
    [docs.aws.amazon.com/lambda/latest/api/API_Invoke.html]."""
    function_concurrency: int = 10
    """Execution environments of one function without reservedConcurrency. Ours: AWS shares 1000."""
    environment_idle_s: float = 300.0
    """How long an environment beyond the first, or beyond provisionedConcurrency, may have nothing
    to do before it ends; at most twice as long. Ours: AWS does not say."""
    invocation_queue: int = 1000
    """Invocations of one function waiting for an environment; more answers 429. Ours."""
    init_timeout_s: float = 10.0
    """Longest a function's module may take to import [lambda]."""
    log_line_bytes: int = 256 * 1024
    """A longer line of a function's output is cut and marked [CloudWatch Logs event size]."""
    log_bytes_per_s: int = 1024 * 1024
    """Output of one environment that reaches the log in a second; what is over is dropped and
    marked. Ours: a handler that prints without end must not keep the node busy."""
    log_files_bytes: int = 64 * 1024**2
    """Disk for the logs of a node's functions, beyond which the oldest go; 0 keeps none. Ours."""

    # Rules and events
    mqtt_payload_bytes: int = 128 * 1024
    """Largest message a device may publish
    [docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits]."""
    topic_bytes: int = 256
    """Longest topic, as UTF-8, without `$aws/rules/{name}/`
    [docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits]."""
    topic_levels: int = 8
    """Levels of a topic, without `$aws/rules/{name}/`
    [docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits]."""
    events_in_flight: int = 1000
    """Events of one rule taken from the broker and not yet done; of all that share a consumer,
    where a service has more than 16. Ours."""
    function_retries: int = 2
    """Times a failed asynchronous invocation is tried again
    [docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html]."""
    retry_delay_s: float = 1.0
    """Wait before the first retry, doubled each time. Ours: AWS waits one minute, then two."""
    throttle_delay_s: float = 300.0
    """Longest wait of a throttled asynchronous event before it is tried again; the first is
    `retry_delay_s` [docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html]."""
    invocations_in_flight: int = 100
    """Asynchronous events of one function taken from the store and not yet done. Ours."""
    stored_invocations_bytes: int = 256 * 1024**2
    """Disk for asynchronous events that wait for their functions; once full, further ones are
    refused. It is part of `stored_events_bytes`, and reserved. Ours."""
    destination_chain: int = 16
    """Invocations that may follow from one event by way of destinations, one after the other
    [docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html]."""
    stored_events_bytes: int = 4 * 1024**3
    """Disk the embedded broker may use; once full, QoS 1 publishes are not acknowledged. Ours."""
    dead_letters_bytes: int = 256 * 1024**2
    """Disk for events whose function failed for good; beyond it the oldest go, and the log tells.
    Ours."""
    dead_letters_in_flight: int = 256
    """Dead letters that are with their rules once more; a retry of many waits for room. Ours."""
    sync_interval_s: float = 120.0
    """How often the embedded broker forces its files to disk; 0 after every message. Between two,
    a power cut may lose what was acknowledged; a killed process loses nothing. NATS's default
    [docs.nats.io/running-a-nats-service/configuration#jetstream]."""
    redelivery_s: float = 10.0
    """An event whose node fell silent for this long is given out again. Ours."""

    # A broker of somebody else as the device side
    broker_in_flight: int = 1000
    """Messages of QoS 1 that the broker may have sent us and that are not stored yet; the broker
    holds back more (MQTT 5), or is not read from. Ours: AWS sends 100."""
    broker_waiting: int = 10_000
    """Messages of QoS 0 that wait to be handed on; of more, the newest are dropped, and counted.
    Ours."""
    broker_publishes: int = 100
    """Messages of QoS 1 that the node publishes at once; more wait. Ours: what AWS allows
    [docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits]."""
    broker_session_s: int = 604_800
    """How long the broker keeps what comes while the node is away (MQTT 5). Ours: seven days, AWS's
    longest [docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits]."""
    broker_timeout_s: float = 10.0
    """Longest the broker may take for one step: to connect, for TLS, for an answer. Ours."""
    broker_retry_s: float = 30.0
    """Longest wait before the node tries to connect again; the first is half a second. Ours."""

    # Device shadows
    shadow_bytes: int = 8 * 1024
    """Largest state of a shadow: what is in desired and reported, as JSON without spaces
    [docs.aws.amazon.com/general/latest/gr/iot-core.html#device-shadow-limits]."""
    shadow_depth: int = 8
    """Objects and lists inside one another that desired and reported may hold
    [docs.aws.amazon.com/general/latest/gr/iot-core.html#device-shadow-limits]."""
    shadow_requests: int = 1000
    """Shadow requests being worked on at once; of more, HTTP calls are answered 429, messages of
    QoS 0 dropped, and those of QoS 1 wait in the broker. Ours: AWS's ten are of one connection."""
    shadows_bytes: int = 128 * 1024**2
    """Disk for all shadows; once full, updates are answered 500. It is part of
    `stored_events_bytes`, and reserved. Ours."""

    # Notifications
    notify_list_devices: int = 1000
    """Entries of one notify list. Ours."""
    notify_list_parameters: int = 1000
    """Parameters of one entry. Ours."""
    name_bytes: int = 256
    """Longest device or parameter name, as UTF-8 [the topic limit of AWS IoT]."""
    snapshot_devices: int = 100_000
    """Devices whose last values are kept; the one silent longest goes first. Ours."""
    snapshot_value_bytes: int = 64 * 1024
    """Largest last known value of a device, as JSON; one that outgrows it starts anew with the
    newest update. Ours: a device that makes up ever new names must not fill the memory."""


# The files of a service. Not part of Limits: they hold before the file that could set them is read.
DEFINITION_BYTES = 1024 * 1024
"""Largest serverless.yml or file that it names, and longest text a variable may build. Ours."""
DEFINITION_VALUES = 100_000
"""Most values in one such file, those that `<<` copies included. Ours."""
DEFINITION_DEPTH = 100
"""Deepest nesting of lists and maps in such a file. Ours."""
VARIABLE_DEPTH = 40
"""Most variables that may lead from one to the next. Ours."""
WATCHED_FILES = 20_000
"""Most files of a service that are watched for changes; with more, `run` does not reload. Ours."""
TEMPLATE_BYTES = 300 * 1024
"""Largest mapping template [ws]."""
TEMPLATE_TEXT = 6 * 1024 * 1024
"""Most characters a mapping template writes, with 100 more for each time that it writes: a message
must not keep the node from its sockets. Ours: AWS Lambda's largest event [lambda]."""

# What AWS fixes for a WebSocket API, and nothing here changes.
POLICY_RESOURCE_CHARACTERS = 512
"""Longest resource in a policy that an authorizer returns
[docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html]."""
AUTHORIZER_RESULT_BYTES = 8 * 1024
"""Largest result of an authorizer
[docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html]."""
ACCESS_LOG_FORMAT_BYTES = 3 * 1024
"""Longest format, as UTF-8
[docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html]."""
SIGNATURE_SKEW_S = 300
"""How far a signature's time may be from now, in seconds
[docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html]."""
SIGNATURE_EXPIRES_S = 604_800
"""Longest a presigned URL may be valid, in seconds: seven days
[docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html]."""

# What AWS fixes for Lambda.
CLIENT_CONTEXT_BYTES = 3583
"""Longest X-Amz-Client-Context, in base64
[docs.aws.amazon.com/lambda/latest/api/API_Invoke.html]."""

# A broker of somebody else.
BROKER_PROPERTIES_BYTES = 8 * 1024
"""Most that is kept of a message's MQTT 5 properties, as JSON. Ours: AWS's bound of user properties
[docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits]."""
BROKER_TOPIC_BYTES = 1024
"""Longest topic that can be handed on. Ours: a line of the NATS protocol has 4096 bytes
[docs.nats.io/running-a-nats-service/configuration]; AWS has topics of 256."""
AWS_SUBSCRIPTIONS = 50
"""Subscriptions of one connection to AWS IoT Core
[docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits]."""

# What AWS fixes for device shadows.
SHADOW_TOKEN_BYTES = 64
"""Longest client token
[docs.aws.amazon.com/iot/latest/developerguide/device-shadow-document.html#client-token]."""
SHADOW_VERSION_KEPT_S = 48 * 3600
"""How long the version of a deleted shadow is kept, in seconds, for a new one of its name
[docs.aws.amazon.com/iot/latest/developerguide/device-shadow-data-flow.html]."""

# Ours: what the broker is asked to keep apart for the rules.
RULE_CONSUMERS = 16
"""Durable consumers for the rules of a service. The server looks at each one for every message that
it stores; up to so many rules have one of their own each, more share them."""
CONSUMER_FILTERS = 8
"""Topic filters of one consumer; those of more rules are made wider."""
PLAIN_FILTERS = 64
"""Topic filters that a node subscribes to for messages of QoS 0; more are made wider."""
REPUBLISH_DEPTH = 8
"""How often a message may be republished by one rule after the other. Ours: AWS has no bound, and
lets a loop run for ever."""
REPUBLISHED_KEPT = 10_000
"""Republished messages that are remembered to find loops. Ours."""
REPUBLISHED_KEPT_S = 60.0
"""How long each is remembered, in seconds. Ours."""
HTTP_ACTION_TRIES = 3
"""How often an HTTP action is tried
[docs.aws.amazon.com/iot/latest/developerguide/https-rule-action.html]."""
HTTP_ACTION_TIMEOUT_S = 3.0
"""How long one try may take, in seconds
[docs.aws.amazon.com/general/latest/gr/iot-core.html#limits_iot]."""
HTTP_ACTION_ANSWER_BYTES = 16_384
"""Largest answer to an HTTP action; after a larger one it is not tried again
[docs.aws.amazon.com/iot/latest/developerguide/https-rule-action.html]."""
SQL_FUNCTION_TIMEOUT_S = 2.0
"""How long a function may take that a statement waits for, in seconds
[docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-aws-lambda]."""
DESTINATIONS_BYTES = 1024 * 1024
"""Disk for what is remembered of HTTP destinations, some hundred bytes each. Ours."""
CONFIRMATION_DELAYS_S = (5.0, 15.0, 60.0, 300.0)
"""Waits before an HTTP destination is asked again to confirm, in seconds; the last one stays. Ours:
AWS asks once."""
