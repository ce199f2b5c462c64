"""Drives a machine over any HTTP client: the part of a driver that is the same for all of them.

A transport sends requests, and its methods raise `TransportFailure` with what a failure proves. `drive` is a generator
of calls to it, so that blocking and asyncio transports share it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Generator, List, Mapping, Optional, Protocol, Sequence, Tuple, Union

from . import _native
from ._errors import export_error
from ._native import Action
from ._values import Checkpoint, OnEvent, OnProgress

Header = Tuple[Union[str, bytes], Union[str, bytes]]
Call = Tuple[Any, ...]
Calls = Generator[Call, Any, Any]

CHUNK = 1 << 20
"""How many bytes a transport reads at once, at most."""

USER_AGENT = "wexport-client/0.1.0"
"""Firewalls reject requests without one."""


class TransportFailure(Exception):
    """A request without a complete response: see `Machine.failed` for the kinds."""

    def __init__(self, kind: str, cause: object) -> None:
        super().__init__(str(cause))
        self.kind = kind


def chain(error: BaseException) -> List[BaseException]:
    """An error, and what has caused it."""
    errors = [error]
    while len(errors) < 20:
        last = errors[-1]
        # urllib3 has the cause in `reason`.
        cause = getattr(last, "reason", None)
        cause = cause if isinstance(cause, BaseException) else last.__cause__ or last.__context__
        if cause is None or cause in errors:
            break
        errors.append(cause)
    return errors


def final_failure(error: BaseException) -> Optional[TransportFailure]:
    """The failure of a request that would fail again: a peer that is not trusted, or a head that is too long."""
    import ssl

    for cause in chain(error):
        text = str(cause)
        if isinstance(cause, ssl.SSLCertVerificationError) and hasattr(cause, "verify_code"):
            return TransportFailure("untrusted", _verdict(cause))
        if isinstance(cause, ssl.SSLError) and getattr(cause, "reason", None) in _NOT_TLS:
            return TransportFailure("untrusted", "it does not speak TLS on this port")
        # The start of an alert.
        if "\x15\x03" in text or "\\x15\\x03" in text:
            return TransportFailure("untrusted", NO_TLS_IN_URL)
        if "got more than" in text.lower() or "too long" in text.lower():
            return TransportFailure("too_long", text)
    return None


NO_TLS_IN_URL = "it expects TLS on this port, but the URL is http"

_UNKNOWN_CA = (
    "its certificate was issued by a CA that this machine does not trust; if it is your company's CA, pass its CA bundle"
)

# By the codes of OpenSSL.
_VERDICTS = {
    9: "its certificate is not valid yet; this machine's clock may be wrong",
    10: "its certificate has expired",
    18: _UNKNOWN_CA,
    19: _UNKNOWN_CA,
    20: _UNKNOWN_CA,
    21: _UNKNOWN_CA,
}


def _verdict(error: Any) -> str:
    """Why OpenSSL does not accept a certificate."""
    host = re.search("certificate is not valid for '(.*)'", error.verify_message)
    if host is not None:
        return f"its certificate is not valid for {host[1]}"
    return _VERDICTS.get(error.verify_code, f"its certificate is not accepted: {error.verify_message}")


_NOT_TLS = {
    "HTTP_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
    "UNEXPECTED_MESSAGE",
    "UNKNOWN_PROTOCOL",
    "WRONG_SSL_VERSION",
    "WRONG_VERSION_NUMBER",
}


def connect_timeout(timeout: float) -> float:
    """Less than the time for the whole request, so that a connection that is not opened is known as such."""
    return max(timeout * 0.9, timeout - 0.5)


class Transport(Protocol):
    """What a blocking HTTP client does for a driver. That of asyncio has the same methods as coroutines."""

    def send(self, action: Action.Send, headers: List[Tuple[str, str]]) -> Tuple[int, Sequence[Header]]:
        """Sends a request, and returns the status and all header lines of its response. Closes an earlier one first."""
        ...

    def collect(self, limit: int, timeout: float) -> bytes:
        """Reads the body, as it was sent."""
        ...

    def read(self, timeout: float) -> bytes:
        """Reads the next bytes of the body, as they were sent. None are its end."""
        ...

    def close(self) -> None:
        """Closes the response, if there is one."""
        ...

    def sleep(self, seconds: float) -> None: ...

    def call(self, function: Callable[[], Any]) -> Any:
        """Calls a function that may block."""
        ...


class Sink(Protocol):
    """Where the bytes of a file go. `FileSink` writes a file."""

    def measure(self, operation: str) -> int: ...
    def begin(self, artifact: _native.Artifact, offset: int) -> None: ...
    def write(self, chunk: bytes) -> None: ...
    def sync(self) -> int: ...
    def finish(self, artifact: _native.Artifact) -> None: ...


class MemorySink:
    """Keeps a file in memory, of at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self.content = bytearray()
        self._limit = limit

    def measure(self, operation: str) -> int:
        return len(self.content)

    def begin(self, artifact: _native.Artifact, offset: int) -> None:
        del self.content[offset:]
        self._check(artifact.length or 0)

    def write(self, chunk: bytes) -> None:
        self._check(len(self.content) + len(chunk))
        self.content += chunk

    def sync(self) -> int:
        return len(self.content)

    def finish(self, artifact: _native.Artifact) -> None:
        pass

    def _check(self, length: int) -> None:
        if length > self._limit:
            raise OSError(f"the file is longer than the {self._limit} bytes allowed")


class Drive:
    """One run of an export."""

    def __init__(
        self,
        client: _native.MachineClient,
        settings: _native.Settings,
        job: _native.Job,
        *,
        headers: Mapping[str, str],
        progress: Optional[OnProgress] = None,
        events: Optional[OnEvent] = None,
    ) -> None:
        self.machine = client.machine(job)
        self._settings = settings
        self._key = job.key
        self._headers = {"user-agent": USER_AGENT, **{name.lower(): value for name, value in headers.items()}}
        self._progress = progress
        self._events = events

    def interrupted(self) -> Checkpoint:
        """Stores what is known, and returns it: the export was cancelled or interrupted, perhaps before a store."""
        checkpoint = self.machine.checkpoint
        if self._key is not None:
            with suppress(OSError):
                self._settings.store(self._key, checkpoint)
        self.machine.close()
        return Checkpoint(checkpoint)

    def calls(self, sink: Sink, until: Callable[[_native.Machine], bool]) -> Calls:
        """The calls of a transport until the export has ended, or `until` holds. Returns the artifact, or None."""
        machine = self.machine
        chunk = b""
        length: Optional[int] = None
        # Whether a request of the machine was just answered, other than one for a token.
        is_answered = False
        is_token = False
        action = machine.done()
        while True:
            is_reached = until(machine)
            if self._events is not None and (is_reached or _is_told(action, is_answered)):
                for event in machine.events():
                    self._events(event)
            if isinstance(action, Action.Done):
                if self._key is not None:
                    self._settings.remove(self._key)
                return action.artifact
            if isinstance(action, Action.Failed):
                raise export_error(action.error)
            if is_reached:
                if isinstance(action, Action.Store) and self._key is not None:
                    self._settings.store(self._key, action.checkpoint)
                return None
            try:
                if isinstance(action, Action.Store):
                    if self._key is not None:
                        store, key, text = self._settings.store, self._key, action.checkpoint
                        yield ("call", lambda: store(key, text))
                    action = machine.done()
                elif isinstance(action, Action.GetToken):
                    token = yield ("call", self._settings.token_callback)
                    text, lifetime = (token, None) if isinstance(token, str) else token
                    action = machine.token(text, lifetime)
                elif isinstance(action, Action.Send):
                    is_token, is_answered = action.phase is None, False
                    status, headers = yield ("send", action, self._all_headers(action))
                    action = machine.head(status, headers)
                elif isinstance(action, Action.Collect):
                    body = yield ("collect", action.limit, action.timeout)
                    is_answered = not is_token
                    action = machine.body(body)
                elif isinstance(action, Action.Begin):
                    begun, offset = action.artifact, action.offset
                    length = begun.length
                    yield ("call", lambda: sink.begin(begun, offset))
                    action = machine.done()
                elif isinstance(action, Action.Read):
                    chunk = yield ("read", action.timeout)
                    action = machine.chunk(chunk) if chunk else machine.end()
                elif isinstance(action, Action.Write):
                    written = chunk if action.chunk is None else action.chunk
                    end = action.offset + len(written)
                    yield ("call", lambda: sink.write(written))
                    action = machine.done()
                    if self._progress is not None:
                        self._progress(end, length)
                elif isinstance(action, Action.Sync):
                    action = machine.length((yield ("call", sink.sync)))
                elif isinstance(action, Action.Measure):
                    operation = action.operation
                    action = machine.length((yield ("call", lambda: sink.measure(operation))))
                elif isinstance(action, Action.Finish):
                    artifact = action.artifact
                    yield ("call", lambda: sink.finish(artifact))
                    action = machine.done()
                elif isinstance(action, Action.Wait):
                    yield ("close",)
                    yield ("sleep", action.seconds)
                    action = machine.done()
                else:
                    raise AssertionError(f"a newer action: {action!r}")
            except TransportFailure as failure:
                action = machine.failed(failure.kind, str(failure) or None)
            except OSError as error:
                kind = "store" if isinstance(action, Action.Store) else "sink"
                action = machine.failed(kind, str(error))
            except Exception as error:
                if not isinstance(action, Action.GetToken):
                    raise
                action = machine.failed("no_token", str(error))

    def _all_headers(self, action: Action.Send) -> List[Tuple[str, str]]:
        """The headers of a request: those of the caller go to the service alone, and replace none."""
        headers = list(action.headers)
        if action.is_trusted:
            own = {name for name, _ in headers}
            headers += [item for item in self._headers.items() if item[0] not in own]
        return headers


def _is_told(action: Action, is_answered: bool) -> bool:
    """Whether events are passed on now, as the other clients do: once they are stored, and those of a request once it
    has a token."""
    if isinstance(action, Action.GetToken) or (isinstance(action, Action.Send) and action.phase is None):
        return is_answered
    return not isinstance(action, (Action.Store, Action.Collect))


def run(calls: Calls, transport: Transport) -> Any:
    """Carries out the calls on a blocking transport, and returns what the generator does."""
    try:
        call = next(calls)
        while True:
            try:
                result = getattr(transport, call[0])(*call[1:])
            except Exception as error:
                call = calls.throw(error)
            else:
                call = calls.send(result)
    except StopIteration as end:
        return end.value
    finally:
        calls.close()
        transport.close()


async def run_async(calls: Calls, transport: Any) -> Any:
    """Carries out the calls on a transport for asyncio."""
    try:
        call = next(calls)
        while True:
            try:
                result = await getattr(transport, call[0])(*call[1:])
            except Exception as error:
                call = calls.throw(error)
            else:
                call = calls.send(result)
    except StopIteration as end:
        return end.value
    finally:
        calls.close()
        await transport.close()


def file_sink(path: Path, is_folder: bool) -> _native.FileSink:
    """A sink for a file, which could be written."""
    try:
        _native.FileSink.check(path, is_folder)
    except OSError as error:
        from ._errors import LocalError

        raise LocalError(
            f"the file could not be written: {error}; no export was requested, so it is safe to fix this and run it "
            "again"
        ) from error
    return _native.FileSink(path, is_folder)
