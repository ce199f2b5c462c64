"""The native part. `workiva_export` has its public names."""

from os import PathLike
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union, final

@final
class Settings:
    def __init__(
        self,
        *,
        client_id: Optional[str] = ...,
        client_secret: Optional[str] = ...,
        token: Any = ...,
        region: Optional[str] = ...,
        base_url: Optional[str] = ...,
        plain_http: bool = ...,
        api_version: str = ...,
        allowed_origins: Sequence[str] = ...,
        limits: Optional[Dict[str, Any]] = ...,
        resubmit: str = ...,
        pace: str = ...,
        jitter: Optional[int] = ...,
        checkpoints: Optional[Path] = ...,
        pace_store: Any = ...,
        submit_rate: Optional[float] = ...,
        poll_rate: Optional[float] = ...,
        download_rate: Optional[float] = ...,
    ) -> None: ...
    @property
    def base_url(self) -> str: ...
    @property
    def token_callback(self) -> Optional[Callable[[], Any]]: ...
    @property
    def checkpoints(self) -> Optional[Path]: ...
    def load(self, key: str) -> Optional[str]: ...
    def store(self, key: str, checkpoint: str) -> None: ...
    def remove(self, key: str) -> None: ...

@final
class Job:
    @property
    def key(self) -> Optional[str]: ...
    @staticmethod
    def new_export(
        settings: Settings,
        kind: str,
        ids: List[str],
        format: Optional[str],
        options: Dict[str, Any],
        key: Optional[str],
    ) -> Job: ...
    @staticmethod
    def of_request(settings: Settings, path: str, body: str, key: Optional[str]) -> Job: ...
    @staticmethod
    def resumed(settings: Settings, checkpoint: str, key: Optional[str]) -> Job: ...
    @staticmethod
    def attached(settings: Settings, operation: str, key: Optional[str]) -> Job: ...

@final
class Client:
    def __init__(
        self,
        settings: Settings,
        *,
        ca_bundle: Optional[Path] = ...,
        proxy: Optional[str] = ...,
        client_certificate: Optional[Tuple[Path, Path]] = ...,
        headers: Sequence[Tuple[str, str]] = ...,
    ) -> None: ...
    def start(
        self,
        job: Job,
        target: str,
        path: Optional[Path] = ...,
        limit: Optional[int] = ...,
        *,
        observed: bool = ...,
        on_end: Optional[Callable[[], object]] = ...,
    ) -> Run: ...
    def start_many(
        self,
        jobs: Sequence[Tuple[Job, Path]],
        *,
        max_open: int,
        max_downloads: int,
        on_end: Optional[Callable[[], object]] = ...,
    ) -> Run: ...
    def start_files(
        self,
        text: Optional[str],
        kind: Optional[str],
        container: Optional[str],
        state: Optional[str],
        *,
        on_end: Optional[Callable[[], object]] = ...,
    ) -> Run: ...

@final
class Run:
    def wait(self, seconds: float) -> bool: ...
    def join(self) -> None: ...
    def take(self) -> Optional[Tuple[int, Dict[str, Any]]]: ...
    def progress(self) -> Optional[Tuple[int, Optional[int]]]: ...
    def events(self) -> List[Dict[str, Any]]: ...
    @property
    def has_ended(self) -> bool: ...
    def stop(self) -> None: ...

@final
class Artifact:
    """What is known about an exported file."""

    @property
    def file_name(self) -> str:
        """A name without a path, safe on every system."""
    @property
    def length(self) -> Optional[int]: ...
    @property
    def media_type(self) -> Optional[str]: ...
    @property
    def operation(self) -> str:
        """The URL of the operation."""
    def facts(self) -> Dict[str, Any]:
        """All facts, as a dict."""

@final
class FileSink:
    """A part file that gets its name when it is complete."""

    def __init__(self, path: Union[str, PathLike[str]], is_folder: bool) -> None: ...
    @staticmethod
    def check(path: Union[str, PathLike[str]], is_folder: bool) -> None: ...
    def measure(self, operation: str) -> int: ...
    def begin(self, artifact: Artifact, offset: int) -> None: ...
    def write(self, chunk: bytes) -> None: ...
    def sync(self) -> int: ...
    def finish(self, artifact: Artifact) -> None: ...
    @property
    def path(self) -> Optional[Path]: ...

class Action:
    """What a driver has to do next. The method of `Machine` to call with the result is in brackets.

    Every action can fail, except `Wait`, `Done` and `Failed` (`failed`).
    """

    @final
    class Store(Action):
        """Store the checkpoint, so that it survives a crash (`done`)."""

        @property
        def checkpoint(self) -> str: ...

    @final
    class GetToken(Action):
        """Get a token where those of this client come from (`token`)."""

        @property
        def timeout(self) -> float: ...

    @final
    class Send(Action):
        """Send a request (`head`), without following a redirect, and without headers of your own unless `is_trusted`.

        An earlier response that was not read to its end is closed first.
        """

        @property
        def method(self) -> str: ...
        @property
        def url(self) -> str: ...
        @property
        def headers(self) -> List[Tuple[str, str]]: ...
        @property
        def body(self) -> bytes: ...
        @property
        def phase(self) -> Optional[str]:
            """`submit`, `poll` or `fetch`; None for a token."""
        @property
        def is_trusted(self) -> bool: ...
        @property
        def wants_fresh_connection(self) -> bool:
            """Whether it must not be sent twice, so that a pooled connection is a risk."""
        @property
        def timeout(self) -> float:
            """How many seconds to wait for the head of the response."""

    @final
    class Collect(Action):
        """Read the whole body of the response, of at most `limit` bytes (`body`)."""

        @property
        def limit(self) -> int: ...
        @property
        def timeout(self) -> float: ...

    @final
    class Begin(Action):
        """Open the file, and cut it to `offset` bytes (`done`)."""

        @property
        def offset(self) -> int: ...
        @property
        def artifact(self) -> Artifact: ...

    @final
    class Read(Action):
        """Read the next bytes of the response as they were sent (`chunk`, or `end` after the last)."""

        @property
        def timeout(self) -> float: ...

    @final
    class Write(Action):
        """Write what was read to the file, or `chunk` if there is one (`done`)."""

        @property
        def offset(self) -> int: ...
        @property
        def chunk(self) -> Optional[bytes]: ...

    @final
    class Sync(Action):
        """Flush the file to disk (`length`: what would survive a crash)."""

    @final
    class Measure(Action):
        """Measure the file (`length`); 0 if it belongs to another operation."""

        @property
        def operation(self) -> str: ...

    @final
    class Finish(Action):
        """Give the complete file its name (`done`)."""

        @property
        def artifact(self) -> Artifact: ...

    @final
    class Wait(Action):
        """Wait (`done`). Sooner is harmless."""

        @property
        def seconds(self) -> float: ...
        @property
        def reason(self) -> str: ...

    @final
    class Done(Action):
        """The export has ended. Remove its checkpoint."""

        @property
        def artifact(self) -> Artifact: ...

    @final
    class Failed(Action):
        """The export has ended without a file."""

        @property
        def error(self) -> Dict[str, Any]: ...

Header = Tuple[Union[str, bytes], Union[str, bytes]]

@final
class MachineClient:
    """What the machines of a client share: its tokens, its rate limits, and its clock."""

    def __init__(self, settings: Settings) -> None: ...
    def machine(self, job: Job) -> Machine: ...

@final
class Machine:
    """One export without I/O: each method takes what became of the last action, and returns the next one.

    A method that does not fit the last action raises a RuntimeError, and changes nothing.
    """

    def done(self) -> Action:
        """The action was carried out, or the wait is over. Also the first call."""
    def head(self, status: int, headers: Sequence[Header]) -> Action:
        """The head of a response, with each header line. A `str` is taken as Latin-1."""
    def body(self, body: bytes) -> Action: ...
    def chunk(self, chunk: bytes) -> Action: ...
    def end(self) -> Action: ...
    def length(self, length: int) -> Action: ...
    def token(self, text: str, lifetime: Optional[float] = ...) -> Action: ...
    def failed(self, kind: str, detail: Optional[str] = ...) -> Action:
        """The action failed. `kind` says what that proves.

        `not_sent`: no byte of the request can have reached a server. `unanswered`: it may have arrived. `cut` and
        `stalled`: the response broke off, or no byte came in time. `too_long`: it exceeds the limit. `untrusted`: the
        certificate or a proxy refuses. `no_token` and `unauthorized`: there is no token now, or never. `sink` and
        `store`: the file or the checkpoint could not be written.
        """
    def events(self) -> List[Dict[str, Any]]: ...
    @property
    def checkpoint(self) -> str: ...
    @property
    def operation(self) -> Optional[str]: ...
    @property
    def status(self) -> Optional[Tuple[Optional[str], bool]]: ...
    def close(self) -> None:
        """Gives back what other machines of the client would wait for. To be called when it is not driven on."""

@final
class Simulator:
    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        token: str,
        complete_after: str,
        retry_after: int,
        operations_rate: float,
        artifact_size: Optional[int] = ...,
        files: Optional[Path] = ...,
        downloads: str = ...,
        scenario: Optional[str] = ...,
        fault_rate: float = ...,
        seed: int = ...,
        token_lifetime: int = ...,
        tls: bool = ...,
    ) -> None: ...
    @property
    def url(self) -> str: ...
    @property
    def storage_url(self) -> str: ...
    @property
    def ca_pem(self) -> Optional[str]: ...
    @property
    def requests(self) -> List[Dict[str, Any]]: ...
    @property
    def exports(self) -> int: ...
    @property
    def mistakes(self) -> List[str]: ...
    def stop(self) -> None: ...

def options() -> List[Dict[str, Any]]: ...
