"""Why there is no file."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Type

from ._values import Checkpoint


class ExportError(Exception):
    """An export ended without its file. The message says in which phase, why, and what to do.

    `ServiceError`, `NetworkError` and `LocalError` say who has to act. Requests that fail are retried within the limits
    of the client: this is what is left after that.
    """

    kind: str
    """What happened, such as `refused`, `gave_up` or `deadline`."""
    phase: Optional[str]
    """`submit`, `poll` or `fetch`; None if the service ended the export, or none was requested."""
    fault: str
    """Who has to act: `remote` is the service, `network` whatever is in between, and `local` you."""
    resumable: bool
    """Whether the export can continue from `checkpoint`, later or once the cause is fixed."""
    checkpoint: Optional[Checkpoint]
    """What `Client.resume` continues from; None if the export is not resumable."""
    request_id: Optional[str]
    """The id by which the service's support finds the request."""
    status: Optional[int]
    """The status of the response that ended the export."""
    advice: Optional[str]
    """What to do, in a few words."""

    def __init__(self, message: str, facts: Optional[Mapping[str, Any]] = None) -> None:
        super().__init__(message)
        self._facts: Dict[str, Any] = dict(facts or {})
        checkpoint = self._facts.get("checkpoint")
        self.kind = self._facts.get("kind", "local")
        self.phase = self._facts.get("phase")
        self.fault = self._facts.get("fault", "local")
        self.resumable = self._facts.get("is_resumable", False)
        self.checkpoint = None if checkpoint is None else Checkpoint(checkpoint)
        self.request_id = self._facts.get("request_id")
        self.status = self._facts.get("status")
        self.advice = self._facts.get("advice")

    def __reduce__(self) -> Any:
        return type(self), (str(self), self._facts)


class ServiceError(ExportError):
    """The service refused or failed: its operator has to act, or the request has to be another one."""


class NetworkError(ExportError):
    """The network, or a device between client and service. Another try may succeed."""


class LocalError(ExportError):
    """The request, the credentials, the disk or a setting is wrong."""


class Stopped(ExportError):
    """The caller stopped the export. It continues at the service, and can be resumed."""


_CLASSES: Dict[str, Type[ExportError]] = {
    "remote": ServiceError,
    "network": NetworkError,
    "local": LocalError,
}


def export_error(facts: Mapping[str, Any]) -> ExportError:
    """The exception for an error of the native part."""
    cls = Stopped if facts["kind"] == "stopped" else _CLASSES[facts["fault"]]
    return cls(facts["message"], facts)
