"""The client for asyncio: the blocking client's exports, each on a thread of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    AsyncIterator,
    Callable,
    Dict,
    Iterable,
    List,
    Optional,
    Tuple,
)

from . import _native
from ._client import STOP, TICK, NativeClient, listed_files, observe, outcome_of
from ._errors import export_error
from ._exporter import Exporter
from ._settings import StrPath
from ._values import (
    Accepted,
    Finished,
    ListedFile,
    OnEvent,
    OnProgress,
    Report,
    Status,
    accepted,
    report,
    status,
)

if TYPE_CHECKING:
    from types import TracebackType


class AsyncClient(NativeClient, Exporter["AsyncExport"]):
    """A client for asyncio, with the settings of `Client`. The event loop is never blocked.

    A task that is cancelled stops its export, which continues at the service and can be resumed.
    """

    def _export(self, job: _native.Job) -> "AsyncExport":
        return AsyncExport(self, job)

    async def exports(
        self,
        exports: Iterable["AsyncExport"],
        *,
        to: Callable[[int, "AsyncExport"], StrPath],
        max_open: int = 100,
        max_downloads: int = 8,
    ) -> AsyncIterator[Finished]:
        """Runs any number of exports, and yields each that has ended: see `Client.exports`."""
        jobs = [(export._job, Path(to(index, export))) for index, export in enumerate(exports)]
        waiter = _Waiter()
        run = self._start(
            lambda client: client.start_many(
                jobs, max_open=max_open, max_downloads=max_downloads, on_end=waiter.wake
            )
        )
        try:
            while True:
                await waiter.wait_for(run, None, None)
                taken = run.take()
                if taken is None:
                    run.join()
                    return
                index, outcome = taken
                error = outcome.get("error")
                if error is None:
                    yield Finished(index, report(outcome["done"], jobs[index][1]), None)
                else:
                    yield Finished(index, None, export_error(error))
        finally:
            run.stop()

    async def files(
        self,
        text: Optional[str] = None,
        *,
        kind: Optional[str] = None,
        container: Optional[str] = None,
        state: Optional[str] = None,
    ) -> List[ListedFile]:
        """Lists the files of the workspace: see `Client.files`."""
        waiter = _Waiter()
        run = self._start(
            lambda client: client.start_files(text, kind, container, state, on_end=waiter.wake)
        )
        await waiter.wait_for_end(run, None, None)
        return listed_files(run)

    async def aclose(self) -> None:
        """Stops all exports. The client cannot be used any more."""
        self._close()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self,
        kind: Optional[type],
        error: Optional[BaseException],
        traceback: Optional["TracebackType"],
    ) -> None:
        await self.aclose()


class AsyncExport:
    """An export that is not started: see `Export`. The callbacks run in the event loop."""

    def __init__(self, client: AsyncClient, job: _native.Job) -> None:
        self._client = client
        self._job = job

    def __repr__(self) -> str:
        return f"<AsyncExport {self._job!r}>"

    async def to_file(
        self,
        path: StrPath,
        *,
        progress: Optional[OnProgress] = None,
        events: Optional[OnEvent] = None,
    ) -> Report:
        """Exports to a file: see `Export.to_file`."""
        done, _ = await self._run("to_file", path=Path(path), progress=progress, events=events)
        return report(done, Path(path))

    async def to_dir(
        self,
        folder: StrPath,
        *,
        progress: Optional[OnProgress] = None,
        events: Optional[OnEvent] = None,
    ) -> Report:
        """Exports to a folder, under the service's name for the file, which is made safe."""
        done, _ = await self._run("to_dir", path=Path(folder), progress=progress, events=events)
        return report(done)

    async def to_bytes(
        self,
        limit: int = 1 << 30,
        *,
        progress: Optional[OnProgress] = None,
        events: Optional[OnEvent] = None,
    ) -> Tuple[Report, bytes]:
        """Exports to memory. A file of more than `limit` bytes is an error."""
        done, content = await self._run("to_bytes", limit=limit, progress=progress, events=events)
        return report(done), content

    async def submit(self, *, events: Optional[OnEvent] = None) -> Accepted:
        """Requests the export, and returns when the service has accepted it."""
        return accepted((await self._run("submit", events=events))[0])

    async def status(self, *, events: Optional[OnEvent] = None) -> Status:
        """Polls the operation once."""
        return status((await self._run("status", events=events))[0])

    async def _run(
        self,
        target: str,
        *,
        path: Optional[Path] = None,
        limit: Optional[int] = None,
        progress: Optional[OnProgress] = None,
        events: Optional[OnEvent] = None,
    ) -> Tuple[Dict[str, Any], bytes]:
        observed = progress is not None or events is not None
        waiter = _Waiter()
        run = self._client._start(
            lambda client: client.start(
                self._job, target, path, limit, observed=observed, on_end=waiter.wake
            )
        )
        await waiter.wait_for_end(run, progress, events)
        return outcome_of(run)


class _Waiter:
    """Waits in an event loop for what a thread does."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Called by the thread."""
        self._loop.call_soon_threadsafe(self._changed.set)

    async def wait_for(
        self, run: _native.Run, progress: Optional[OnProgress], events: Optional[OnEvent]
    ) -> None:
        tick = None if progress is None and events is None else TICK
        while not run.wait(0):
            self._changed.clear()
            # It may have ended before the event was cleared.
            if not run.wait(0):
                await self._sleep(tick)
            observe(run, progress, events)
        observe(run, progress, events)

    async def wait_for_end(
        self, run: _native.Run, progress: Optional[OnProgress], events: Optional[OnEvent]
    ) -> None:
        """Waits for the end of a run, which an exception stops."""
        try:
            await self.wait_for(run, progress, events)
        except BaseException:
            run.stop()
            # The thread stores a checkpoint and closes its file: a moment, unless it resolves a name.
            await self.wait_until_ended(run)
            raise
        run.join()

    async def wait_until_ended(self, run: _native.Run) -> None:
        end = self._loop.time() + STOP
        while not run.has_ended and self._loop.time() < end:
            self._changed.clear()
            if not run.has_ended:
                await self._sleep(end - self._loop.time())
        if run.has_ended:
            run.join()

    async def _sleep(self, seconds: Optional[float]) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except asyncio.TimeoutError:
            pass
