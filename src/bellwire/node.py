"""The composition root: one node, put together from its parts. No rules live here.

A node is started in this order, and stopped in the reverse: bus (nats-server, connection), function
workers, rules, front door. What arrives before all is up waits: devices in the broker, apps in the
listening socket.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import secrets
import socket
import ssl
import time
import uuid
from collections.abc import Collection, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bellwire import __version__, console
from bellwire.bus.connection import Bus
from bellwire.bus.dead_letters import DeadLetters
from bellwire.bus.destinations import DestinationStore
from bellwire.bus.embedded import check_port, listen
from bellwire.bus.invocations import Invocations
from bellwire.bus.retries import Retries
from bellwire.definition import Function, Stage
from bellwire.definition.changes import Changes
from bellwire.devices import DeviceSide
from bellwire.effects import Effects, Helpers, confirmation_urls, post
from bellwire.functions.backlog import Backlog, Surroundings
from bellwire.functions.journal import Journal
from bellwire.functions.log_files import FOLDER
from bellwire.functions.log_store import LogStore
from bellwire.functions.pool import Functions, RuntimeSettings
from bellwire.functions.tail import Tails
from bellwire.functions.variables import function_arn
from bellwire.gateway.ids import NODE_ID_BYTES, IdSource
from bellwire.http_destinations import HttpDestinations
from bellwire.iot.actions import Republish
from bellwire.iot.cover import cover
from bellwire.iot.performers import Performers
from bellwire.iot.republished import INGEST, Republished
from bellwire.iot.rules import Rule
from bellwire.limits import (
    AWS_SUBSCRIPTIONS,
    HTTP_ACTION_ANSWER_BYTES,
    REPUBLISHED_KEPT,
    REPUBLISHED_KEPT_S,
)
from bellwire.loading import Loaded
from bellwire.node_files import NodeFiles
from bellwire.notify.channel import NotifierChannel
from bellwire.notify.listeners import Listeners
from bellwire.rules import Rules
from bellwire.server.certificates import open_certificates, serve_renewed
from bellwire.server.front_door import FrontDoor
from bellwire.server.http import HttpServer
from bellwire.server.hub import Hub
from bellwire.server.metrics import Metrics, Sources
from bellwire.server.outbound import HttpClient
from bellwire.server.request import CONFIRM_PATH, HttpServices
from bellwire.server.status import status_document
from bellwire.settings import Settings, bracketed, reachable
from bellwire.shadows import SHADOW_FILTERS, Shadows, ShadowsElsewhere


log = logging.getLogger("bellwire.node")

NOTIFIER_CHANNEL = "BELLWIRE_NOTIFIER_FD"
"""The environment variable that tells the SDK in a function's process how to reach the node."""

_BACKLOG = 4096
_CANCEL_AGAIN_S = 0.2


class Node:
    """A running node. `start` and `stop` once each."""

    def __init__(self, settings: Settings, loaded: Loaded) -> None:
        service = loaded.service
        self.settings = settings
        self.service = service
        self.node_id = secrets.token_hex(NODE_ID_BYTES)
        self._ids = IdSource(self.node_id, sequence=secrets.randbits(24), clock=time.time)
        self._data_dir = settings.data_dir
        self._files = NodeFiles(settings.data_dir, settings.ready_file)
        self._bus = Bus(scope=f"{service.name}--{service.stage}", limits=service.limits)
        self._http_client = HttpClient(
            answer_bytes=service.limits.http_answer_bytes,
            requests=service.limits.http_requests,
        )
        self._token = secrets.token_urlsafe(24)
        self._devices = DeviceSide(
            self._bus, settings, service, node_id=self.node_id, token=self._token
        )
        self._hub = Hub(
            loaded.apis,
            self._ids,
            invoke=self._invoke,
            send_request=self._http_client.send,
            on_close=self._forget,
            now_ms=_now_ms,
            trace_id=_trace_id,
        )
        self._listeners = Listeners(
            deliver=self._hub.deliver,
            is_open=self._hub.is_open,
            now_ms=_now_ms,
            limits=service.limits,
            waiting=self._hub.waiting_bytes,
        )
        self._loaded = loaded
        self._letters = DeadLetters(self._bus, limits=service.limits)
        self._invocations = Invocations(self._bus, limits=service.limits)
        self._shadows = Shadows(
            self._bus, publish=self._devices.publish, now_ms=_now_ms, limits=service.limits
        )
        self._rules_client = HttpClient(
            answer_bytes=HTTP_ACTION_ANSWER_BYTES, requests=service.limits.http_requests
        )
        self._destinations = HttpDestinations(
            DestinationStore(self._bus),
            post=partial(post, self._rules_client.send),
            arn=self._destination_arn,
            enable_url=self._enable_url,
        )
        self._rules = Rules(self._bus, self._performers(), limits=service.limits)
        self._retries = Retries(
            self._letters,
            give=self._rules.give,
            store=self._invocations.store,
            functions=lambda: self.service.functions,
            limits=service.limits,
        )
        self._tails = Tails(service.limits.log_tail_bytes)
        kept = service.limits.log_files_bytes
        self._journal = Journal(
            tails=self._tails, store=LogStore(self._data_dir / FOLDER, kept) if kept else None
        )
        self._functions: Functions | None = None
        self._backlog: Backlog | None = None
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._http: HttpServer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._simulation: list[asyncio.Task[None]] = []
        self._is_ready = False
        self._started_at = time.monotonic()

    # What it is and where it listens

    @property
    def http_url(self) -> str:
        """The address of the front door, without a trailing slash."""
        return f"http://{bracketed(reachable(self.settings.host))}:{self._port}"

    @property
    def addresses(self) -> dict[str, object]:
        """Return what the ready file holds."""
        return {
            "websocket_url": f"{self.http_url.replace('http', 'ws', 1)}/{self.service.stage}",
            "http_url": self.http_url,
            "mqtt_url": self._devices.mqtt_url,
            "mqtt_is_ours": self.service.broker is None,
            "nats_url": self._devices.nats_url,
            "stage": self.service.stage,
            "api_id": self.service.api.api_id,
            "node_id": self.node_id,
            "pid": os.getpid(),
        }

    def stage_urls(self) -> list[tuple[Stage, str]]:
        """Return each stage of each API with its address; the first is the service's own.

        Of stages with the same name all but the first are found by the API's id in the host.
        """
        urls: list[tuple[Stage, str]] = []
        names: set[str] = set()
        for api in self.service.apis:
            for stage in api.stages:
                host = bracketed(reachable(self.settings.host))
                if stage.name in names:
                    host = f"{api.api_id}.localhost"
                names.add(stage.name)
                urls.append((stage, f"ws://{host}:{self._port}/{stage.name}"))
        return urls

    @property
    def _port(self) -> int:
        assert self._socket is not None
        port: int = self._socket.getsockname()[1]
        return port

    # Start

    async def start(self) -> None:
        """Start everything; return once all of it accepts.

        Raises StartError where this machine does not allow it, BusError where NATS does not
        answer. What had been started by then is stopped again by `stop`.
        """
        self._files.open()
        self._socket = self._listen()
        self._journal.open(self.service.functions)
        tls, authorities = open_certificates(
            self.settings, self.service, os.environ, now=datetime.now(UTC)
        )
        runtime = self._runtime(authorities)
        functions = self._functions = self._make_functions(runtime)
        backlog = self._backlog = self._make_backlog(runtime)
        await _both(self._start_bus(), functions.start())
        await self._invocations.listen(self.service.functions, backlog.take)
        await self._rules.start(self._loaded.rules)
        if self._serves_shadows:
            await self._shadows.start()
        await self._devices.follow(self._filters(self._loaded.rules))
        await self._open_front_door(runtime, tls)
        await self._destinations.follow(confirmation_urls(self._loaded.rules))
        self._tasks = [
            asyncio.create_task(work)
            for work in (self._hub.watch(), backlog.keep_alive(), self._shadows.keep_alive())
        ]
        if self.settings.certificate is not None:
            renewing = serve_renewed(tls, *self.settings.certificate)
            self._tasks.append(asyncio.create_task(renewing))
        if self.settings.simulate:
            simulating = self._devices.simulate(self.settings.simulate)
            self._simulation = [asyncio.create_task(simulating)]
        await self._devices.wait_connected()
        self._is_ready = True
        self._files.tell(self.addresses, token=self._token)

    @property
    def _serves_shadows(self) -> bool:
        return self.service.broker is None or self.service.broker.shadows

    def _filters(self, rules: Iterable[Rule]) -> Mapping[str, str]:
        """Return what a broker of somebody else is to send us: filters, and whom they are for."""
        broker = self.service.broker
        if broker is None:
            return {}
        whom: dict[str, str] = {}
        filters = [(rule.name, rule.topic_filter) for rule in rules if rule.enabled]
        found = [(name, each) for name, each in filters if each is not None]
        for name, each in found:
            known = whom.get(each.text)
            whom[each.text] = f"{known}, {name}" if known else f"rule {name}"
        if broker.is_aws and len(whom) > AWS_SUBSCRIPTIONS:
            whom = dict.fromkeys(cover((each for _, each in found), AWS_SUBSCRIPTIONS), "rules")
        if filters and not broker.is_aws:  # there it is no topic that anybody can subscribe to
            whom[f"{INGEST}#"] = "rules that a topic names"
        if self._serves_shadows:
            whom |= dict.fromkeys(SHADOW_FILTERS, "devices' shadows")
        return whom

    def _listen(self) -> socket.socket:
        host, port = self.settings.host, self.settings.port
        check_port(host, port, what="the WebSocket API", option="--port")
        return listen(host, port, backlog=_BACKLOG)

    def _runtime(self, authorities: Mapping[str, str]) -> RuntimeSettings:
        service = self.service
        return RuntimeSettings(
            directory=service.directory,
            region=service.region,
            account_id=service.account_id,
            stage=service.stage,
            http_url=self.http_url,
            token=self._token if service.access_keys.sign_connections else None,
            temporary=self._data_dir.absolute() / "tmp",
            debug=self.settings.debug,
            authorities=authorities,
        )

    def _make_functions(self, runtime: RuntimeSettings) -> Functions:
        return Functions(
            self.service.functions.values(),
            runtime=runtime,
            limits=self.service.limits,
            log=self._journal.take,
            channels={NOTIFIER_CHANNEL: partial(NotifierChannel, self._listeners)},
        )

    def _make_backlog(self, runtime: RuntimeSettings) -> Backlog:
        around = Surroundings(
            invoke=self._invoke_as,
            store=self._invocations.store,
            bury=self._letters.bury_invocation,
            arn=partial(function_arn, runtime=runtime),
            new_request_id=_request_id,
            now_ms=_now_ms,
        )
        return Backlog(self.service.functions, around, limits=self.service.limits)

    async def _start_bus(self) -> None:
        await self._devices.start()
        await self._letters.open()
        await self._invocations.open()

    async def _open_front_door(self, runtime: RuntimeSettings, tls: ssl.SSLContext) -> None:
        sources = self._sources()
        services = HttpServices(
            hub=self._hub,
            ids=self._ids,
            find_function=self._find_function,
            function_arn=partial(function_arn, runtime=runtime),
            invocation_id=_request_id,
            invoke=self._invoke_as,
            store=self._store_event,
            tails=self._tails,
            publish=self._devices.publish,
            shadows=self._shadows if self._serves_shadows else ShadowsElsewhere(),
            dead_letters=self._retries,
            confirm=self._destinations.confirm,
            devices=self._listeners.devices,
            is_ready=lambda: self._is_ready and self._devices.is_connected,
            pages=console.files(),
            token=self._token,
            host_names={self.settings.host, *self.service.host_names},
            metrics=Metrics(sources).text,
            status=partial(self._status, sources),
        )
        http = self._http = HttpServer(services)
        await http.start()
        assert self._socket is not None
        self._server = await asyncio.get_running_loop().create_server(
            lambda: FrontDoor(self._hub, http.make_protocol, tls),
            sock=self._socket,
            backlog=_BACKLOG,
        )

    def _sources(self) -> Sources:
        assert self._functions is not None
        assert self._backlog is not None
        return Sources(
            self._hub,
            functions=self._functions.statistics,
            backlog=self._backlog.statistics,
            rules=self._rules.statistics,
            rules_not_found=lambda: self._rules.not_found,
            listeners=self._listeners.statistics,
            logs=self._journal.statistics,
            shadows=self._shadows.statistics,
            dead_letters=self._letters.statistics,
            broker=self._devices.broker_statistics,
            deployed_name=self._deployed_name,
        )

    def _performers(self) -> Performers:
        effects = Effects(
            Helpers(
                functions=lambda: self.service.functions,
                sql_functions=lambda: self.service.sql_functions,
                invoke=self._invoke,
                store=self._invocations.store,
                arn=self._function_arn,
                notify=self._listeners.notify,
                send_request=self._rules_client.send,
                shadows=self._shadows,
                request_id=_request_id,
                now_ms=_now_ms,
                limits=self.service.limits,
            ),
            self._destinations,
        )
        return Performers(
            invoke=self._invoke,
            publish=self._republish,
            post=effects.post,
            notify=effects.notify,
            ask=effects.ask,
            tell=effects.tell,
            settings=effects.settings,
            bury=self._letters.bury_event,
            request_id=_request_id,
            republished=Republished(most=REPUBLISHED_KEPT, age_s=REPUBLISHED_KEPT_S),
        )

    async def _republish(self, effect: Republish) -> None:
        await self._devices.publish(
            effect.topic, effect.payload, effect.qos, properties=effect.properties
        )

    def _enable_url(self, token: str) -> str:
        """Return what a destination asks for to confirm: by the proxy's name where there is one."""
        names = self.service.host_names
        base = f"https://{names[0]}" if names else self.http_url
        return f"{base}{CONFIRM_PATH}/{token}"

    def _destination_arn(self, name: str) -> str:
        service = self.service
        where = f"{service.region}:{service.account_id}"
        return f"arn:aws:iot:{where}:ruledestination/http/{name}"

    def _function_arn(self, name: str) -> str:
        service = self.service
        return f"arn:aws:lambda:{service.region}:{service.account_id}:function:{name}"

    def _find_function(self, name: str) -> Function | None:
        """Return a function by its deployed name, else by its key."""
        functions = self.service.functions
        deployed = (function for function in functions.values() if function.name == name)
        return next(deployed, functions.get(name))

    def _deployed_name(self, key: str) -> str:
        function = self.service.functions.get(key)
        return key if function is None else function.name

    def _status(self, sources: Sources) -> dict[str, object]:
        node = {
            "version": __version__,
            "service": self.service.name,
            **self.addresses,
            "uptime_s": round(time.monotonic() - self._started_at, 3),
            "memory_bytes": _memory_bytes(),
        }
        return status_document(
            sources, node=node, is_ready=self._is_ready and self._devices.is_connected
        )

    # Stop

    async def stop(self, *, grace_s: float) -> None:
        """Stop accepting, close sockets with 1001, let invocations end, stop the children.

        Safe after a start that failed half-way; what fails on the way keeps nothing else from
        being stopped.
        """
        self._is_ready = False
        async with AsyncExitStack() as last_first:
            last_first.callback(self._files.close)
            if self._socket is not None:
                last_first.callback(self._socket.close)
            last_first.push_async_callback(self._devices.stop)
            last_first.push_async_callback(self._journal.close)
            if self._functions is not None:
                last_first.push_async_callback(self._functions.stop, grace_s=1.0)
            if self._http is not None:
                last_first.push_async_callback(self._http.close)
            last_first.push_async_callback(self._http_client.close)
            last_first.push_async_callback(self._rules_client.close)
            last_first.push_async_callback(self._destinations.close)
            last_first.push_async_callback(self._cancel, self._tasks)
            last_first.push_async_callback(self._letters.close)
            last_first.push_async_callback(self._retries.close)
            last_first.push_async_callback(self._rules.close)
            last_first.push_async_callback(self._shadows.close)
            await self._end_work(grace_s)

    async def _end_work(self, grace_s: float) -> None:
        await self._cancel(self._simulation)
        if self._server is not None:
            self._server.close()
        self._files.withdraw()
        try:
            async with asyncio.timeout(grace_s):
                await self._hub.close()
                stops = [self._rules.stop(), self._shadows.stop()]
                if self._backlog is not None:
                    stops.append(self._backlog.stop())
                await asyncio.gather(*stops)
        except TimeoutError:
            log.warning("functions were still running after %.0f s: they are stopped now", grace_s)

    async def _cancel(self, tasks: list[asyncio.Task[None]]) -> None:
        # More than once: asyncio.wait_for of Python 3.11, which the MQTT client waits with, loses
        # a cancellation that meets its result [https://github.com/python/cpython/issues/86296].
        waiting = set(tasks)
        while waiting:
            for task in waiting:
                task.cancel()
            _, waiting = await asyncio.wait(waiting, timeout=_CANCEL_AGAIN_S)

    # Change

    async def change(
        self, loaded: Loaded, changes: Changes, *, swap: Collection[str]
    ) -> frozenset[str]:
        """Go over to another reading of the service, in which `changes` tells what is different.

        No connection is closed, and what runs ends as it began. `swap` are the functions that get
        new environments. Returns those of them that did not start: they stay as they were. Raises
        BusError where NATS does not answer; to be called again then.
        """
        functions, backlog, was = self._functions, self._backlog, self.service.functions
        assert functions is not None
        assert backlog is not None
        new = loaded.service.functions
        self._journal.open({**was, **new})
        failed = await _swap(functions, [new[key] for key in swap])
        served = {key: was.get(key, each) if key in failed else each for key, each in new.items()}
        service = replace(loaded.service, functions=served)
        backlog.configure(service.functions)
        if service.functions.keys() != was.keys():
            await self._invocations.listen(service.functions, backlog.take)
        if changes.apis:
            self._hub.replace_apis(loaded.apis)
        if changes.rules:
            await self._rules.replace(loaded.rules)
            await self._destinations.follow(confirmation_urls(loaded.rules))
            await self._devices.follow(self._filters(loaded.rules))
        for key in changes.drop:  # last: nothing leads to them any more
            functions.drop(key)
        self._journal.open(service.functions)
        self.service = service
        return failed

    # What the parts ask of one another

    def _invoke(self, function: str, event: bytes, request_id: str) -> asyncio.Future[Any]:
        # Any: each part names the view of a Result it needs, and a Future cannot be narrowed.
        # A function's own request id is a UUID, as on Lambda; the gateway's is in its event.
        return self._invoke_as(function, event, _request_id())

    def _invoke_as(
        self, function: str, event: bytes, request_id: str, client_context: bytes = b""
    ) -> asyncio.Future[Any]:
        assert self._functions is not None
        return self._functions.invoke(
            function, event, request_id=request_id, client_context=client_context
        )

    async def _store_event(self, function: str, event: bytes, request_id: str) -> None:
        await self._invocations.store(function, event, request_id=request_id)

    def _forget(self, connection_id: str) -> None:
        self._listeners.forget(connection_id)


async def _swap(functions: Functions, wanted: Iterable[Function]) -> frozenset[str]:
    """Give functions new environments; return the keys of those that did not start."""
    wanted = list(wanted)
    swaps = (functions.swap(each) for each in wanted)
    outcomes = await asyncio.gather(*swaps, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return frozenset(
        each.key for each, is_ready in zip(wanted, outcomes, strict=True) if not is_ready
    )


async def _both(one: Coroutine[Any, Any, None], other: Coroutine[Any, Any, None]) -> None:
    """Run both at once; where one fails, end the other before its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(one)
            group.create_task(other)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


def _memory_bytes() -> int | None:
    """Return the resident memory of this process; None where the system does not tell it so."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * resource.getpagesize()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _request_id() -> str:
    return str(uuid.uuid4())


def _trace_id() -> str:
    return f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
