"""Waits for exports that were started elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator

from airflow_provider_wexport.hooks import WorkivaHook
from airflow_provider_wexport.operators import raise_told
from airflow_provider_wexport.triggers import WorkivaOperationTrigger


class WorkivaOperationSensor(BaseOperator):
    """Waits in the triggerer until the file of an operation can be downloaded. The XCom is the operation.

    Args:
        operation: The id or the URL of the operation, such as `wexport document .. --no-wait` prints it.
        timeout: How long to wait.
    """

    template_fields: Sequence[str] = ("operation", "workiva_conn_id")

    def __init__(
        self,
        *,
        operation: str,
        workiva_conn_id: str = WorkivaHook.default_conn_name,
        timeout: timedelta = timedelta(hours=1),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.operation = operation
        self.workiva_conn_id = workiva_conn_id
        self.timeout = timeout

    def execute(self, context: Any) -> None:
        trigger = WorkivaOperationTrigger(self.workiva_conn_id, operation=self.operation)
        self.defer(trigger=trigger, method_name="completed", timeout=self.timeout)

    def completed(self, context: Any, event: dict[str, Any]) -> str:
        """Called once the operation is completed, or has failed."""
        raise_told(event, context)
        return str(event["operation"])
