"""The exports that the test runs. Some tasks are killed once, with their process."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task
from airflow_provider_wexport.operators import WorkivaBatchOperator, WorkivaExportOperator
from airflow_provider_wexport.sensors import WorkivaOperationSensor

FOLDER = os.environ["TEST_FOLDER"]


def die_once(context: Any) -> None:
    if context["ti"].try_number == 1:
        os.kill(os.getpid(), signal.SIGKILL)


class KilledAfterTheSubmit(WorkivaExportOperator):
    def execute(self, context: Any) -> Any:
        self._context = context
        return super().execute(context)

    def defer(self, **arguments: Any) -> Any:
        die_once(self._context)
        super().defer(**arguments)


class KilledBeforeTheDownload(WorkivaExportOperator):
    def download(self, context: Any, event: dict[str, Any]) -> Any:
        die_once(context)
        return super().download(context, event)


with DAG("workiva", schedule=None, default_args={"retries": 2, "retry_delay": timedelta(0)}):
    plain = WorkivaExportOperator(
        task_id="plain",
        kind="document",
        item_id="{{ 'd' ~ 1 }}",
        format="pdf",
        options={"include_comments": True},
        path=FOLDER + "/{{ task.task_id }}.pdf",
    )

    @task
    def receipt_is_read(receipt: dict[str, Any]) -> None:
        assert receipt["media_type"] == "application/pdf"
        assert receipt["length"] == os.stat(receipt["path"]).st_size

    receipt_is_read(plain.output)

    KilledAfterTheSubmit(task_id="submitted", kind="document", item_id="d2", path=f"{FOLDER}/submitted.pdf")
    KilledBeforeTheDownload(task_id="downloading", kind="spreadsheet", item_id="s1", path=f"{FOLDER}/s1.xlsx")
    WorkivaExportOperator(
        task_id="blocking", kind="document", item_id="d3", path=f"{FOLDER}/blocking.pdf", deferrable=False
    )
    WorkivaExportOperator(
        task_id="invalid", kind="document", item_id="d4", options={"nonsense": True}, path=f"{FOLDER}/invalid"
    )
    WorkivaBatchOperator(
        task_id="batch",
        exports=[{"kind": "document", "item_id": f"b{n}", "path": f"{FOLDER}/b{n}.pdf"} for n in range(5)],
        checkpoints=f"{FOLDER}/jobs",
    )

    @task
    def submitted_elsewhere() -> str:
        from airflow_provider_wexport.hooks import WorkivaHook

        with WorkivaHook().get_conn() as client:
            return client.export_document("d5").submit().operation

    WorkivaOperationSensor(task_id="sensor", operation=submitted_elsewhere())

for service in ["limited", "unlimited"]:
    with DAG(service, schedule=None, max_active_tasks=64):
        WorkivaExportOperator.partial(
            task_id="export",
            workiva_conn_id=service,
            kind="document",
            path=f"{FOLDER}/{service}-{{{{ ti.map_index }}}}.pdf",
        ).expand(item_id=[f"d{number}" for number in range(40)])
