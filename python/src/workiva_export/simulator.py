"""A simulator of the service, for tests.

It implements both generations of the API on a loopback port, validates requests as the service does, serves real
documents, injects faults, and records what it gets.

    with Simulator() as service:
        client = Client(**service.settings)
        client.export_document("124efa2a142f").to_file("report.pdf")
        assert service.mistakes == []
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Union

from . import _native
from ._settings import StrPath

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Simulator"]


class Simulator:
    """A simulated service, on a thread, until it is stopped or its `with` block ends."""

    client_id = "an-id"
    client_secret = "a-secret"
    token = "a-token"

    def __init__(
        self,
        *,
        complete_after: str = "0s",
        retry_after: int = 0,
        operations_rate: float = 0.0,
        artifact_size: Optional[int] = None,
        files: Optional[StrPath] = None,
        downloads: str = "api-host",
        scenario: Union[None, str, Mapping[str, Any]] = None,
        fault_rate: float = 0.0,
        seed: int = 0,
        token_lifetime: int = 3600,
        tls: bool = False,
    ) -> None:
        """
        Args:
            complete_after: How long an export takes: `2s`, `1s..5s` or `~2s`.
            retry_after: The `Retry-After` of submits and polls, in seconds.
            operations_rate: How many polls a second a token may send; 0 for any number.
            artifact_size: Serve generated files of so many bytes instead of documents.
            files: Serve the files of this folder, by the id of the item.
            downloads: Where files are: `api-host`, `redirect` or `signed`.
            scenario: The faults to inject, as a dict or as JSON: see SCENARIOS.md of `export-sim`.
            fault_rate: The share of requests that fail at random, from 0 to 1.
            seed: The seed of all that is random.
            token_lifetime: How long a token is valid, in seconds.
            tls: Use TLS with a CA of its own, whose certificate is `ca_pem`.
        """
        text = scenario if scenario is None or isinstance(scenario, str) else json.dumps(scenario)
        self._server = _native.Simulator(
            client_id=self.client_id,
            client_secret=self.client_secret,
            token=self.token,
            complete_after=complete_after,
            retry_after=retry_after,
            operations_rate=operations_rate,
            artifact_size=artifact_size,
            files=None if files is None else Path(files),
            downloads=downloads,
            scenario=text,
            fault_rate=fault_rate,
            seed=seed,
            token_lifetime=token_lifetime,
            tls=tls,
        )

    @property
    def url(self) -> str:
        """The URL of the API."""
        return self._server.url

    @property
    def storage_url(self) -> str:
        """The URL of the host of signed URLs."""
        return self._server.storage_url

    @property
    def ca_pem(self) -> Optional[str]:
        """The certificate of the CA that a client has to trust, with `tls=True`."""
        return self._server.ca_pem

    @property
    def settings(self) -> Dict[str, Any]:
        """Keyword arguments for a client of this service, which polls without a pause."""
        return {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "base_url": self.url,
            "proxy": "",
            "submit_rate": 0,
            "poll_rate": 0,
            "limits": {"min_poll_interval": 0.001, "backoff_base": 0.001, "backoff_cap": 0.01},
        }

    @property
    def requests(self) -> List[Dict[str, Any]]:
        """The requests so far: `method`, `target`, `origin`, `status`, `body`, `has_token`, `user_agent` and
        `faults`."""
        return self._server.requests

    @property
    def exports(self) -> int:
        """How many exports were started."""
        return self._server.exports

    @property
    def mistakes(self) -> List[str]:
        """What the client has done wrong, such as a token that was sent to another origin."""
        return self._server.mistakes

    def stop(self) -> None:
        """Stops the service."""
        self._server.stop()

    def __enter__(self) -> "Simulator":
        return self

    def __exit__(
        self,
        kind: Optional[type],
        error: Optional[BaseException],
        traceback: Optional["TracebackType"],
    ) -> None:
        self.stop()
