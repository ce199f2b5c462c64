"""The blocking client."""

from __future__ import annotations

from contextlib import suppress
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Tuple,
    Union,
)

from . import _native
from ._errors import export_error
from ._exporter import Exporter, OneProcess, facts
from ._settings import Seconds, StrPath, Token, as_path, header_list, native_settings
from ._settings import ca_bundle as find_ca_bundle
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
    from pathlib import Path
    from types import TracebackType

TICK = 0.05
"""How often, in seconds, a waiting call looks for signals, and reports progress."""

STOP = 1.0
"""How long a call that was interrupted waits for its thread, which stores a checkpoint."""


class NativeClient:
    """What `Client` and `AsyncClient` share: the settings, the native client, and what runs."""

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
        ca_bundle: Optional[StrPath] = None,
        proxy: Optional[str] = None,
        client_certificate: Optional[Tuple[StrPath, StrPath]] = None,
        headers: Optional[Mapping[str, str]] = None,
        **options: Any,
    ) -> None:
        """
        Args:
            client_id, client_secret: The OAuth client. By default those in WORKIVA_CLIENT_ID and
                WORKIVA_CLIENT_SECRET.
            token: A token instead, or a function that returns one, or one and the seconds that it is valid.
            region: `us` (default), `eu` or `apac`.
            base_url: Another service, such as the simulator.
            api_version: `2026-01-01` by default.
            checkpoints: A folder for the checkpoints of exports with a key. It is created.
            timeout: The time from the submit until the export is completed: seconds or a timedelta, an hour by default.
            limits: Other limits by the names of `export_core::Limits`: `request_timeout`, `read_timeout`,
                `max_file_bytes` and so on. Times are seconds or timedeltas.
            ca_bundle: A file of certificate authorities to trust besides the system's. WEXPORT_CA_BUNDLE and
                SSL_CERT_FILE by default.
            proxy: The URL of a proxy, or an empty string for none. HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY by
                default.
            client_certificate: Files with a certificate and its key, for mutual TLS.
            headers: Headers to add to each request to the service itself, such as a trace id.
            options: `allowed_origins`, a list of URLs that may get the token too; `resubmit` (`if_harmless`, `never` or
                `always`); `pace` (`gentle` or `exact`); `plain_http`, to allow a base URL that is not encrypted;
                `jitter`, a seed; `submit_rate`, `poll_rate` and `download_rate`, the service's limits in requests a
                second if they are known, or 0 for none. Unknown limits are learned. `pace_store` shares them with other
                processes: the path of a file, or a `PaceStore`.
        """
        bundle = find_ca_bundle(ca_bundle)
        self._settings = native_settings(
            client_id, client_secret, token, region, base_url, api_version, checkpoints, timeout, limits, options
        )
        certificate = None
        if client_certificate is not None:
            certificate = (as_path(client_certificate[0]), as_path(client_certificate[1]))
        self._client = _native.Client(
            self._settings,
            ca_bundle=bundle,
            proxy=proxy,
            client_certificate=certificate,
            headers=header_list(headers),
        )
        self._process = OneProcess()
        # Those that were started. A run that is not used any more stops by itself.
        self._runs: List[_native.Run] = []
        self._is_closed = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._settings.base_url!r})"

    def stop(self) -> None:
        """Stops all exports of this client, from any thread: each ends with `Stopped`. They continue at the service."""
        for run in list(self._runs):
            run.stop()

    def _start(self, start: Callable[[_native.Client], _native.Run]) -> _native.Run:
        self._process.check()
        if self._is_closed:
            raise RuntimeError("the client was closed")
        run = start(self._client)
        # Each of these is atomic, since threads may share the client.
        self._runs.append(run)
        for ended in [run for run in list(self._runs) if run.has_ended]:
            with suppress(ValueError):
                self._runs.remove(ended)
        return run

    def _close(self) -> None:
        self._is_closed = True
        self.stop()


class Client(NativeClient, Exporter["Export"]):
    """A blocking client. Threads may share it: its exports share a token and the service's rate limits.

    The GIL is released while an export runs, and Ctrl-C interrupts it at once. Create a client after a fork, not
    before. `close`, or the end of a `with` block, stops what still runs.
    """

    def _export(self, job: _native.Job) -> "Export":
        return Export(self, job)

    def exports(
        self,
        exports: Iterable["Export"],
        *,
        to: Callable[[int, "Export"], StrPath],
        max_open: int = 100,
        max_downloads: int = 8,
    ) -> Iterator[Finished]:
        """Runs any number of exports, within the service's rate limits, and yields each that has ended.

        Args:
            exports: Exports of this client, such as `client.export_document(id)`.
            to: Returns the path of the file of an export, given its number (from 0) and the export.
            max_open: How many may be under way at the service at once.
            max_downloads: How many files are downloaded at once.
        """
        jobs = [(export._job, as_path(to(index, export))) for index, export in enumerate(exports)]
        run = self._start(
            lambda client: client.start_many(jobs, max_open=max_open, max_downloads=max_downloads)
        )
        return _finished(run, [path for _, path in jobs])

    def files(
        self,
        text: Optional[str] = None,
        *,
        kind: Optional[str] = None,
        container: Optional[str] = None,
        state: Optional[str] = None,
    ) -> List[ListedFile]:
        """Lists the files of the workspace, sorted by name. The client needs the scope `file:read`.

        Args:
            text: Only files whose name contains this, in any case.
            kind: Only files of this kind, such as `Document` or `Folder`.
            container: Only files in the folder with this id, and not in its folders. The root is "".
            state: Only files in this state: `Active` or `Trashed`. Both by default.

        Raises:
            ExportError: If the service refuses the list, or cannot be reached.
        """
        run = self._start(lambda client: client.start_files(text, kind, container, state))
        wait(run, None, None)
        return listed_files(run)

    def close(self) -> None:
        """Stops all exports. The client cannot be used any more."""
        self._close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: Optional[type],
        error: Optional[BaseException],
        traceback: Optional["TracebackType"],
    ) -> None:
        self.close()


def _finished(run: _native.Run, paths: "list[Path]") -> Iterator[Finished]:
    try:
        while True:
            while not run.wait(TICK):
                pass
            taken = run.take()
            if taken is None:
                run.join()
                return
            index, outcome = taken
            error = outcome.get("error")
            if error is None:
                yield Finished(index, report(outcome["done"], paths[index]), None)
            else:
                yield Finished(index, None, export_error(error))
    finally:
        run.stop()


class Export:
    """An export that is not started. Its methods say where the file goes, run it, and return when it is there.

    `progress` is called with the bytes that came and the length of the file, at most twenty times a second.
    `events` is called with each event. Both run in the calling thread; what they raise stops the export.
    """

    def __init__(self, client: Client, job: _native.Job) -> None:
        self._client = client
        self._job = job

    def __repr__(self) -> str:
        return f"<Export {self._job!r}>"

    def to_file(
        self,
        path: StrPath,
        *,
        progress: Optional[OnProgress] = None,
        events: Optional[OnEvent] = None,
    ) -> Report:
        """Exports to a file, which appears under its name when it is complete and replaces an older one.

        Raises:
            ExportError: If there is no file. A path that cannot be written is found before anything is sent.
        """
        where = as_path(path)
        return report(self._run("to_file", path=where, progress=progress, events=events)[0], where)

    def to_dir(
        self,
        folder: StrPath,
        *,
        progress: Optional[OnProgress] = None,
        events: Optional[OnEvent] = None,
    ) -> Report:
        """Exports to a folder, under the service's name for the file, which is made safe."""
        return report(self._run("to_dir", path=as_path(folder), progress=progress, events=events)[0])

    def to_bytes(
        self,
        limit: int = 1 << 30,
        *,
        progress: Optional[OnProgress] = None,
        events: Optional[OnEvent] = None,
    ) -> Tuple[Report, bytes]:
        """Exports to memory. A file of more than `limit` bytes is an error."""
        done, content = self._run("to_bytes", limit=limit, progress=progress, events=events)
        return report(done), content

    def submit(self, *, events: Optional[OnEvent] = None) -> Accepted:
        """Requests the export, and returns when the service has accepted it."""
        return accepted(self._run("submit", events=events)[0])

    def status(self, *, events: Optional[OnEvent] = None) -> Status:
        """Polls the operation once."""
        return status(self._run("status", events=events)[0])

    def _run(
        self,
        target: str,
        *,
        path: Optional[Path] = None,
        limit: Optional[int] = None,
        progress: Optional[OnProgress] = None,
        events: Optional[OnEvent] = None,
    ) -> Tuple[Dict[str, Any], bytes]:
        observed = progress is not None or events is not None
        run = self._client._start(
            lambda client: client.start(self._job, target, path, limit, observed=observed)
        )
        wait(run, progress, events)
        return outcome_of(run)


def wait(run: _native.Run, progress: Optional[OnProgress], events: Optional[OnEvent]) -> None:
    """Waits for the end of a run, which an exception stops."""
    try:
        # Python handles signals between two waits.
        while not run.wait(TICK):
            observe(run, progress, events)
        observe(run, progress, events)
    except BaseException:
        run.stop()
        if run.wait(STOP):
            run.join()
        raise
    run.join()


def observe(run: _native.Run, progress: Optional[OnProgress], events: Optional[OnEvent]) -> None:
    """Passes on what has happened since the last call."""
    if events is not None:
        for event in run.events():
            events(event)
    if progress is not None:
        seen = run.progress()
        if seen is not None:
            progress(*seen)


def outcome_of(run: _native.Run) -> Tuple[Dict[str, Any], bytes]:
    taken = run.take()
    if taken is None:
        raise RuntimeError("the thread of the export has panicked")
    outcome = taken[1]
    return facts(outcome), outcome.get("bytes", b"")


def listed_files(run: _native.Run) -> List[ListedFile]:
    files: Any = outcome_of(run)[0]
    return [ListedFile(**file) for file in files]
