"""Exports as tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.sdk.execution_time.context import NEVER_EXPIRE
from workiva_export import Checkpoint, Client, ExportError, Report

from airflow_provider_wexport.hooks import WorkivaHook
from airflow_provider_wexport.triggers import WorkivaOperationTrigger, told

CHECKPOINT = "workiva_checkpoint"
"""The key of the checkpoint in the state of a task, which its retries read."""


class WorkivaExportOperator(BaseOperator):
    """Exports one file.

    The export is requested once: its checkpoint is in the state of the task, and a retry, or a task whose worker was
    killed, continues from it. The task then waits in the triggerer, without a slot, and the file is downloaded in a
    worker. The receipt is the XCom: the path, the length, the media type, and what the service says about the file.

    Args:
        kind: `document`, `spreadsheet`, `presentation`, `file`, `folder`, `style_guide`, `graph_report` or `test_form`.
        item_id: The id of the item.
        path: Where the file goes. (Not `output`, which is a member of all operators.)
        format, options: As the methods of `workiva_export.Client` take them.
        deferrable: False to wait in the worker.
        timeout: The time until the export has to be completed.
    """

    template_fields: Sequence[str] = ("item_id", "path", "format", "options", "workiva_conn_id")

    def __init__(
        self,
        *,
        kind: str,
        item_id: str,
        path: str,
        format: str | None = None,
        options: Mapping[str, Any] | None = None,
        workiva_conn_id: str = WorkivaHook.default_conn_name,
        deferrable: bool = True,
        timeout: timedelta = timedelta(hours=1),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        self.item_id = item_id
        self.path = path
        self.format = format
        self.options = options
        self.workiva_conn_id = workiva_conn_id
        self.deferrable = deferrable
        self.timeout = timeout
        self._client: Client | None = None

    def execute(self, context: Any) -> dict[str, Any]:
        state = context["task_state_store"]
        with self._connected() as client:
            checkpoint = state.get(CHECKPOINT)
            if checkpoint is None:
                export = export_of(client, self.kind, self.item_id, self.format, self.options)
                with failures(context):
                    checkpoint = export.submit().checkpoint.to_json()
                state.set(CHECKPOINT, checkpoint, retention=NEVER_EXPIRE)
            operation = Checkpoint(checkpoint).operation
            if self.deferrable and operation is not None:
                self.defer(
                    trigger=WorkivaOperationTrigger(self.workiva_conn_id, checkpoint=checkpoint),
                    method_name="download",
                    timeout=self.timeout,
                )
            return self._download(context, client)

    def download(self, context: Any, event: dict[str, Any]) -> dict[str, Any]:
        """Called once the operation is completed."""
        raise_told(event, context)
        context["task_state_store"].set(CHECKPOINT, event["checkpoint"], retention=NEVER_EXPIRE)
        with self._connected() as client:
            return self._download(context, client)

    def on_kill(self) -> None:
        if self._client is not None:
            self._client.stop()

    def _connected(self) -> Client:
        self._client = WorkivaHook(self.workiva_conn_id).get_conn(timeout=self.timeout)
        return self._client

    def _download(self, context: Any, client: Client) -> dict[str, Any]:
        state = context["task_state_store"]
        with failures(context):
            report = client.resume(Checkpoint(state.get(CHECKPOINT))).to_file(self.path)
        # Clearing the task exports the file again.
        state.delete(CHECKPOINT)
        return receipt(report)


class WorkivaBatchOperator(BaseOperator):
    """Exports many files in one slot, with one token and one set of rate limits.

    A retry leaves out the files that are complete. With a folder for `checkpoints` that all workers have, it also
    continues the others instead of requesting them again. The XCom is the list of receipts.

    Args:
        exports: Dicts with `kind`, `item_id`, `path`, and perhaps `format` and `options`.
        max_open: How many may be under way at the service at once.
    """

    template_fields: Sequence[str] = ("exports", "checkpoints", "workiva_conn_id")

    def __init__(
        self,
        *,
        exports: Sequence[Mapping[str, Any]],
        checkpoints: str | None = None,
        max_open: int = 100,
        workiva_conn_id: str = WorkivaHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.exports = exports
        self.checkpoints = checkpoints
        self.max_open = max_open
        self.workiva_conn_id = workiva_conn_id
        self._client: Client | None = None

    def execute(self, context: Any) -> list[dict[str, Any]]:
        state, ti = context["task_state_store"], context["ti"]
        receipts: dict[str, Any] = state.get("workiva_receipts") or {}
        left = [row for row in self.exports if row["path"] not in receipts]
        failed: list[ExportError] = []
        with WorkivaHook(self.workiva_conn_id).get_conn(checkpoints=self.checkpoints) as client:
            self._client = client
            exports = []
            for row in left:
                key = None
                if self.checkpoints is not None:
                    key = f"{ti.dag_id} {ti.run_id} {ti.task_id} {ti.map_index} {row['path']}"
                saved = None if key is None else client.resume_key(key)
                exports.append(saved or export_of(client, key=key, **without_path(row)))
            paths = [row["path"] for row in left]
            for done in client.exports(exports, to=lambda at, _: paths[at], max_open=self.max_open):
                if done.report is not None:
                    receipts[paths[done.number]] = receipt(done.report)
                    state.set("workiva_receipts", receipts, retention=NEVER_EXPIRE)
                elif done.error is not None:
                    self.log.error("%s: %s", paths[done.number], done.error)
                    failed.append(done.error)
        if failed:
            text = f"{len(failed)} of {len(self.exports)} exports failed; the first: {failed[0]}"
            is_final = all(error.fault == "local" for error in failed)
            raise AirflowFailException(text) if is_final else AirflowException(text)
        state.delete("workiva_receipts")
        return [receipts[row["path"]] for row in self.exports]

    def on_kill(self) -> None:
        if self._client is not None:
            self._client.stop()


def export_of(
    client: Client,
    kind: str,
    item_id: str,
    format: str | None = None,
    options: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> Any:
    """An export of this kind. What is invalid is refused before anything is sent."""
    make = getattr(client, f"export_{kind}", None)
    if make is None:
        raise AirflowFailException(f"there is no kind {kind!r}")
    arguments = {} if format is None else {"format": format}
    try:
        return make(item_id, key=key, **arguments, **(options or {}))
    except (TypeError, ValueError) as error:
        raise AirflowFailException(str(error)) from error


def without_path(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "path"}


def receipt(report: Report) -> dict[str, Any]:
    """What is known about a file, for XCom."""
    return {**report._asdict(), "path": str(report.path)}


class failures:
    """Fails the task with the exception that says whether a retry makes sense."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, ExportError):
            raise_told(told(error), self._context)


def raise_told(event: Mapping[str, Any], context: Any) -> None:
    """Raises what a trigger or a client has told, if it is an error.

    Credentials, requests and settings that are wrong fail the task without a retry. A retry continues what is
    resumable, and requests an export anew that has failed at the service.
    """
    error = event.get("error")
    if error is None:
        return
    if not event["resumable"]:
        context["task_state_store"].delete(CHECKPOINT)
    raise AirflowFailException(error) if event["fault"] == "local" else AirflowException(error)
