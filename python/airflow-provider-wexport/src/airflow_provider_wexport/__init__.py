"""Exports from Workiva in Apache Airflow 3."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def get_provider_info() -> dict[str, Any]:
    """What Airflow reads of a provider."""
    optional_text = {"type": ["string", "null"]}
    return {
        "package-name": "airflow-provider-wexport",
        "name": "Workiva",
        "description": "Exports from Workiva.",
        "versions": [__version__],
        "connection-types": [
            {
                "connection-type": "workiva",
                "hook-name": "Workiva",
                "hook-class-name": "airflow_provider_wexport.hooks.WorkivaHook",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "port"],
                    "relabeling": {
                        "login": "Client ID",
                        "password": "Client secret",
                        "host": "Base URL, instead of a region",
                    },
                },
                "conn-fields": {
                    "region": {"label": "Region: us (default), eu or apac", "schema": optional_text},
                    "proxy": {"label": "Proxy", "schema": optional_text},
                    "ca_bundle": {"label": "File of CA certificates", "schema": optional_text},
                },
            }
        ],
    }
