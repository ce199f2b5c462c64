"""Export files from Workiva.

A `Client` blocks, an `AsyncClient` is for asyncio. `workiva_export.requests`, `workiva_export.httpx` and
`workiva_export.aiohttp` have clients over those libraries, and `Machine` is for any other one. All of them are drivers
of one state machine, which decides what to send, what a response means, how long to wait, and where the token may go.

    >>> from workiva_export import Client
    >>> client = Client("an-id", "a-secret", region="eu")
    >>> export = client.export_document("124efa2a142f", format="pdf", include_comments=True)

`export.to_file("report.pdf")` then runs it. The file appears under its name when it is complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._client import Client, Export
from ._errors import ExportError, LocalError, NetworkError, ServiceError, Stopped
from ._native import Action, Machine, MachineClient
from ._values import Accepted, Checkpoint, Finished, ListedFile, PaceStore, Report, Status

if TYPE_CHECKING:
    from ._aio import AsyncClient, AsyncExport

__all__ = [
    "Accepted",
    "Action",
    "AsyncClient",
    "AsyncExport",
    "Checkpoint",
    "Client",
    "Export",
    "ExportError",
    "Finished",
    "ListedFile",
    "LocalError",
    "Machine",
    "MachineClient",
    "NetworkError",
    "PaceStore",
    "Report",
    "ServiceError",
    "Status",
    "Stopped",
]


def __getattr__(name: str) -> Any:
    # asyncio takes longer to import than all of this package.
    if name in ("AsyncClient", "AsyncExport"):
        from . import _aio

        return getattr(_aio, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
