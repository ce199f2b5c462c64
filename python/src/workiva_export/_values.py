"""What an export returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Protocol, Tuple, cast

if TYPE_CHECKING:
    from pathlib import Path

    from ._errors import ExportError

Event = Dict[str, Any]
"""Something that happened to an export: `event` has its name, and `at` the time in milliseconds since 1970."""

OnProgress = Callable[[int, Optional[int]], object]
"""Called with the bytes that came, and the length of the file if it is known."""

OnEvent = Callable[[Event], object]
"""Called with each event."""


class PaceStore(Protocol):
    """Where rate limits are kept that several processes share, such as a row of a database.

    It is called for each step of a request, on any thread, and has to return within milliseconds.
    """

    def lock(self) -> Tuple[float, Optional[str]]:
        """Locks it, and returns the time in seconds since 1970, by a clock that is the same for all, with the text that
        was stored last, or `None`.

        Raises BlockingIOError if another client has locked it: it is tried again soon. After any other exception, the
        client goes on alone for half a minute, with a warning in the log.
        """
        ...

    def unlock(self, text: str) -> None:
        """Stores a text of a few kilobytes, and unlocks it. Called soon after each `lock`, unless the process ends."""
        ...


class Checkpoint:
    """What another process needs to continue an export. It has no token, no secret and no signed URL.

    Two checkpoints are equal if they have the same text.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Reads the text that `to_json` returned."""
        self._text = text
        if "version" not in self._facts():
            raise ValueError("this is not a checkpoint of an export")

    def _facts(self) -> Dict[str, Any]:
        # Imported late, as all that `import workiva_export` does not need.
        import json

        facts: Any = json.loads(self._text)
        return cast(Dict[str, Any], facts) if isinstance(facts, dict) else {}

    def to_json(self) -> str:
        """The text to store."""
        return self._text

    @property
    def operation(self) -> Optional[str]:
        """The URL of the operation, once the export was accepted."""
        return self._facts().get("operation")

    @property
    def offset(self) -> int:
        """How many bytes of the file are on disk."""
        offset: int = self._facts().get("offset", 0)
        return offset

    def __repr__(self) -> str:
        operation = self.operation
        where = "not accepted" if operation is None else operation.split("?")[0]
        return f"<Checkpoint {where}, {self.offset} bytes>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Checkpoint) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


class Report(NamedTuple):
    """A complete file."""

    path: Optional["Path"]
    """Where it is; None if it is in memory."""
    file_name: str
    """Its name at the service, made safe for every system."""
    length: int
    media_type: Optional[str]
    etag: Optional[str]
    operation: str
    """The URL of the operation."""
    original_request: Optional[str]
    """The id of the submit request, for the service's support."""
    created: Optional[str]
    """When the operation was created, as the service wrote it: RFC 3339."""
    updated: Optional[str]
    details: List[str]
    """What the service says about the file, such as what is missing in it."""
    submits: int
    """How many submit requests may have reached the service."""
    sunset: Optional[Dict[str, Any]]
    """The announced end of the endpoint that was used."""


class Accepted(NamedTuple):
    """An export that the service has accepted."""

    operation: str
    """The URL of the operation."""
    checkpoint: Checkpoint


class Status(NamedTuple):
    """The status of an operation."""

    status: Optional[str]
    """In the service's word."""
    is_ready: bool
    """Whether its file can be downloaded."""
    checkpoint: Checkpoint


class Finished(NamedTuple):
    """An export of `exports` that has ended."""

    number: int
    """Its place among those that were given, from 0."""
    report: Optional[Report]
    """The file, if there is one."""
    error: Optional["ExportError"]
    """Why there is none."""


class ListedFile(NamedTuple):
    """A file of the workspace."""

    id: Optional[str]
    """What an export takes."""
    name: str
    kind: str
    """In the service's word, such as `Document`."""
    type: Optional[str]
    """The type of a document, such as `10-K`."""
    container: Optional[str]
    """The id of the folder; None for a file in the root."""
    created: Optional[str]
    """When it was created, as the service writes it: RFC 3339."""
    modified: Optional[str]
    state: Optional[str]
    """`Active` or `Trashed`."""
    is_template: bool


def report(facts: Mapping[str, Any], path: Optional[Path] = None) -> Report:
    from pathlib import Path

    where = facts.get("path")
    return Report(
        path=path if where is None else Path(where),
        file_name=facts["file_name"],
        length=facts["length"],
        media_type=facts["media_type"],
        etag=facts["etag"],
        operation=facts["operation"],
        original_request=facts["original_request"],
        created=facts["created"],
        updated=facts["updated"],
        details=facts["details"],
        submits=facts["submits"],
        sunset=facts["sunset"],
    )


def accepted(facts: Mapping[str, Any]) -> Accepted:
    return Accepted(facts["operation"], Checkpoint(facts["checkpoint"]))


def status(facts: Mapping[str, Any]) -> Status:
    return Status(facts["status"], facts["is_ready"], Checkpoint(facts["checkpoint"]))
