"""Clients over HTTP clients of the caller: their exports are driven in Python."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Mapping, Optional, Tuple, TypeVar, Union

from . import _native
from ._drive import Drive, MemorySink, Sink, Transport, TransportFailure, file_sink, run, run_async
from ._exporter import Exporter, OneProcess
from ._settings import Seconds, StrPath, Token, as_path, native_settings
from ._values import (
    Accepted,
    Checkpoint,
    OnEvent,
    OnProgress,
    Report,
    Status,
    accepted,
    report,
    status,
)

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")


class DrivenClient:
    """What the clients over an HTTP client share."""

    _settings: _native.Settings

    def __init__(
        self,
        client_id: Optional[str] = None,
        client_secret: Optional[str] = None,
        *,
        token: Optional[Token] = None,
        region: Optional[str] = None,
        base_url: Optional[str] = None,
        api_version: str = "2026-01-01",
        checkpoints: Optional[StrPath] = None,
        timeout: Optional[Seconds] = None,
        limits: Optional[Mapping[str, Union[Seconds, int]]] = None,
        headers: Optional[Mapping[str, str]] = None,
        **options: Any,
    ) -> None:
        self._settings = native_settings(
            client_id, client_secret, token, region, base_url, api_version, checkpoints, timeout, limits, options
        )
        self._machines = _native.MachineClient(self._settings)
        self._headers = dict(headers or {})
        self._process = OneProcess()

    def __repr__(self) -> str:
        return f"{type(self).__module__}.{type(self).__name__}({self._settings.base_url!r})"

    def _drive(
        self, job: _native.Job, progress: Optional[OnProgress], events: Optional[OnEvent]
    ) -> Drive:
        self._process.check()
        return Drive(
            self._machines, self._settings, job, headers=self._headers, progress=progress, events=events
        )


def _never(machine: _native.Machine) -> bool:
    return False


def _was_accepted(machine: _native.Machine) -> bool:
    return machine.operation is not None


def _is_ready(machine: _native.Machine) -> bool:
    return machine.status is not None and machine.status[1]


def _was_polled(machine: _native.Machine) -> bool:
    return machine.status is not None


def _accepted(machine: _native.Machine) -> Accepted:
    return accepted({"operation": machine.operation, "checkpoint": machine.checkpoint})


def _status(machine: _native.Machine) -> Status:
    word, is_ready = machine.status or (None, False)
    return status({"status": word, "is_ready": is_ready, "checkpoint": machine.checkpoint})


def _report(artifact: _native.Artifact, path: Optional["Path"]) -> Report:
    return report(artifact.facts(), path)


class BlockingDrivenClient(DrivenClient, Exporter["DrivenExport"]):
    """A blocking client over an HTTP client."""

    def _transport(self) -> Transport:
        raise NotImplementedError

    def _export(self, job: _native.Job) -> "DrivenExport":
        return DrivenExport(self, job)


class DrivenExport:
    """An export that is not started: see `workiva_export.Export`, whose methods these are."""

    def __init__(self, client: BlockingDrivenClient, job: _native.Job) -> None:
        self._client = client
        self._job = job
        self.checkpoint: Optional[Checkpoint] = None
        """The checkpoint of an export that was interrupted, by Ctrl-C for example."""

    def to_file(
        self,
        path: StrPath,
        *,
        progress: Optional[OnProgress] = None,
        events: Optional[OnEvent] = None,
    ) -> Report:
        """Exports to a file, which appears under its name when it is complete and replaces an older one."""
        sink = file_sink(as_path(path), False)
        return _report(self._run(sink, progress=progress, events=events)[0], sink.path)

    def to_dir(
        self,
        folder: StrPath,
        *,
        progress: Optional[OnProgress] = None,
        events: Optional[OnEvent] = None,
    ) -> Report:
        """Exports to a folder, under the service's name for the file, which is made safe."""
        sink = file_sink(as_path(folder), True)
        return _report(self._run(sink, progress=progress, events=events)[0], sink.path)

    def to_bytes(
        self,
        limit: int = 1 << 30,
        *,
        progress: Optional[OnProgress] = None,
        events: Optional[OnEvent] = None,
    ) -> Tuple[Report, bytes]:
        """Exports to memory. A file of more than `limit` bytes is an error."""
        sink = MemorySink(limit)
        artifact, _ = self._run(sink, progress=progress, events=events)
        return _report(artifact, None), bytes(sink.content)

    def submit(self, *, events: Optional[OnEvent] = None) -> Accepted:
        """Requests the export, and returns when the service has accepted it."""
        return _accepted(self._run(MemorySink(0), until=_was_accepted, events=events)[1])

    def status(self, *, events: Optional[OnEvent] = None) -> Status:
        """Polls the operation once."""
        return _status(self._run(MemorySink(0), until=_was_polled, events=events)[1])

    def wait_until_ready(self, *, events: Optional[OnEvent] = None) -> Status:
        """Polls until the file can be downloaded, which `Client.resume` does, also in another process."""
        return _status(self._run(MemorySink(0), until=_is_ready, events=events)[1])

    def _run(
        self,
        sink: Sink,
        *,
        until: Callable[[_native.Machine], bool] = _never,
        progress: Optional[OnProgress] = None,
        events: Optional[OnEvent] = None,
    ) -> Tuple[Any, _native.Machine]:
        drive = self._client._drive(self._job, progress, events)
        try:
            artifact = run(drive.calls(sink, until), self._client._transport())
            return artifact, drive.machine
        except BaseException:
            self.checkpoint = drive.interrupted()
            raise


class AsyncDrivenClient(DrivenClient, Exporter["AsyncDrivenExport"]):
    """A client for asyncio over an HTTP client."""

    def _transport(self) -> Any:
        raise NotImplementedError

    def _export(self, job: _native.Job) -> "AsyncDrivenExport":
        return AsyncDrivenExport(self, job)


class AsyncDrivenExport:
    """An export that is not started: see `workiva_export.AsyncExport`, whose methods these are."""

    def __init__(self, client: AsyncDrivenClient, job: _native.Job) -> None:
        self._client = client
        self._job = job
        self.checkpoint: Optional[Checkpoint] = None
        """The checkpoint of an export that was interrupted, by a cancelled task for example."""

    async def to_file(
        self,
        path: StrPath,
        *,
        progress: Optional[OnProgress] = None,
        events: Optional[OnEvent] = None,
    ) -> Report:
        """Exports to a file, which appears under its name when it is complete and replaces an older one."""
        sink = file_sink(as_path(path), False)
        artifact, _ = await self._run(sink, progress=progress, events=events)
        return _report(artifact, sink.path)

    async def to_dir(
        self,
        folder: StrPath,
        *,
        progress: Optional[OnProgress] = None,
        events: Optional[OnEvent] = None,
    ) -> Report:
        """Exports to a folder, under the service's name for the file, which is made safe."""
        sink = file_sink(as_path(folder), True)
        artifact, _ = await self._run(sink, progress=progress, events=events)
        return _report(artifact, sink.path)

    async def to_bytes(
        self,
        limit: int = 1 << 30,
        *,
        progress: Optional[OnProgress] = None,
        events: Optional[OnEvent] = None,
    ) -> Tuple[Report, bytes]:
        """Exports to memory. A file of more than `limit` bytes is an error."""
        sink = MemorySink(limit)
        artifact, _ = await self._run(sink, progress=progress, events=events)
        return _report(artifact, None), bytes(sink.content)

    async def submit(self, *, events: Optional[OnEvent] = None) -> Accepted:
        """Requests the export, and returns when the service has accepted it."""
        _, machine = await self._run(MemorySink(0), until=_was_accepted, events=events)
        return _accepted(machine)

    async def status(self, *, events: Optional[OnEvent] = None) -> Status:
        """Polls the operation once."""
        _, machine = await self._run(MemorySink(0), until=_was_polled, events=events)
        return _status(machine)

    async def wait_until_ready(self, *, events: Optional[OnEvent] = None) -> Status:
        """Polls until the file can be downloaded, which `Client.resume` does, also in another process."""
        _, machine = await self._run(MemorySink(0), until=_is_ready, events=events)
        return _status(machine)

    async def _run(
        self,
        sink: Sink,
        *,
        until: Callable[[_native.Machine], bool] = _never,
        progress: Optional[OnProgress] = None,
        events: Optional[OnEvent] = None,
    ) -> Tuple[Any, _native.Machine]:
        drive = self._client._drive(self._job, progress, events)
        try:
            artifact = await run_async(drive.calls(sink, until), self._client._transport())
            return artifact, drive.machine
        except BaseException:
            self.checkpoint = drive.interrupted()
            raise


class BlockingTransport:
    """What blocking transports have in common."""

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def call(self, function: Callable[[], Any]) -> Any:
        return function()

    def read(self, timeout: float) -> bytes:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def collect(self, limit: int, timeout: float) -> bytes:
        """Reads the whole of a body, which may have so many bytes."""
        end = time.monotonic() + timeout
        body = bytearray()
        while True:
            chunk = self.read(timeout)
            if not chunk:
                self.close()
                return bytes(body)
            body += chunk
            _check_length(body, limit)
            if time.monotonic() > end:
                raise TransportFailure("stalled", "the body did not come in time")


def _check_length(body: bytearray, limit: int) -> None:
    if len(body) > limit:
        raise TransportFailure("too_long", f"more than {limit} bytes")


TURNS = 50
"""How many turns of the event loop a client gets to tell a timeout of its own."""


async def within(seconds: float, awaitable: Awaitable[T]) -> T:
    """Waits for so long at most. `asyncio.wait_for` may swallow a cancellation, before Python 3.12."""
    import asyncio

    task = asyncio.ensure_future(awaitable)
    try:
        await asyncio.wait({task}, timeout=seconds)
        # If the event loop was blocked, a timeout of the client may be due as well. It says more, such as that no
        # connection was opened.
        for _ in range(TURNS):
            if task.done():
                break
            await asyncio.sleep(0)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    if task.cancelled():
        raise asyncio.TimeoutError
    return task.result()


class AsyncTransport:
    """What transports for asyncio have in common. Files are written on the threads of the event loop."""

    async def sleep(self, seconds: float) -> None:
        import asyncio

        await asyncio.sleep(seconds)

    async def call(self, function: Callable[[], Any]) -> Any:
        import asyncio

        return await asyncio.get_running_loop().run_in_executor(None, function)

    async def read(self, timeout: float) -> bytes:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError

    async def collect(self, limit: int, timeout: float) -> bytes:
        """Reads the whole of a body, which may have so many bytes."""
        end = time.monotonic() + timeout
        body = bytearray()
        while True:
            chunk = await self.read(end - time.monotonic())
            if not chunk:
                await self.close()
                return bytes(body)
            body += chunk
            _check_length(body, limit)
