"""Waits for operations in the triggerer, without a slot of a worker."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from airflow.sdk import BaseHook
from airflow.triggers.base import BaseTrigger, TriggerEvent
from workiva_export import Checkpoint, ExportError
from workiva_export.httpx import AsyncClient

from airflow_provider_wexport.hooks import pace_store, settings_of


class WorkivaOperationTrigger(BaseTrigger):
    """Fires when the file of an operation can be downloaded, or never can.

    It polls an operation that exists, and can start no export: Airflow may run a trigger twice. Its event has the
    checkpoint from which the file is downloaded without another poll.

    Args:
        operation: The id or the URL of an operation.
        checkpoint: That of an export which was accepted, in place of its operation.
    """

    def __init__(
        self, workiva_conn_id: str, *, operation: str | None = None, checkpoint: str | None = None
    ) -> None:
        super().__init__()
        self.workiva_conn_id = workiva_conn_id
        self.operation = operation
        self.checkpoint = checkpoint

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {
            "workiva_conn_id": self.workiva_conn_id,
            "operation": self.operation,
            "checkpoint": self.checkpoint,
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        settings = settings_of(await BaseHook.aget_connection(self.workiva_conn_id))
        pace_conn_id, pace = settings.get("pace_conn_id"), None
        if pace_conn_id is not None:
            pace = await BaseHook.aget_connection(pace_conn_id)
        try:
            async with _client(settings, pace) as client:
                if self.checkpoint is None:
                    export = client.attach(self.operation or "")
                else:
                    export = client.resume(Checkpoint(self.checkpoint))
                status = await export.wait_until_ready()
            checkpoint = status.checkpoint
            yield TriggerEvent({"operation": checkpoint.operation, "checkpoint": checkpoint.to_json()})
        except ExportError as error:
            yield TriggerEvent(told(error))
        except ValueError as error:
            yield TriggerEvent({"error": str(error), "fault": "local", "resumable": False})


def told(error: ExportError) -> dict[str, Any]:
    """An error, for the task that waits for it."""
    return {"error": str(error), "fault": error.fault, "resumable": error.resumable}


class _Hub:
    """What all triggers of a triggerer with the same settings share: the connections, the token, and the rate limits."""

    def __init__(self, settings: dict[str, Any], pace: Any) -> None:
        settings.pop("pace_conn_id", None)
        if pace is not None:
            settings["pace_store"] = pace_store(pace, settings)
        proxy = settings.pop("proxy", None)
        verify: Any = settings.pop("ca_bundle", None) or True
        self.users = 0
        # An empty proxy is none, whatever the environment has.
        self.http = httpx.AsyncClient(proxy=proxy or None, trust_env=proxy is None, verify=verify)
        self.client = AsyncClient(self.http, **{**settings, "resubmit": "never"})


_hubs: dict[str, _Hub] = {}


@asynccontextmanager
async def _client(settings: dict[str, Any], pace: Any) -> AsyncIterator[AsyncClient]:
    name = json.dumps(settings, sort_keys=True, default=str)
    if name not in _hubs:
        _hubs[name] = _Hub(settings, pace)
    hub = _hubs[name]
    hub.users += 1
    try:
        yield hub.client
    finally:
        hub.users -= 1
        if hub.users == 0 and _hubs.pop(name, None) is not None:
            await hub.http.aclose()
