"""The connection to Workiva."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseHook
from workiva_export import Client, ExportError, PaceStore


class WorkivaHook(BaseHook):
    """Clients for a connection of the type `workiva`.

    The login is the client ID and the password the client secret. The region, or the host for another base URL, says
    which service. `pace_conn_id` is a connection to PostgreSQL, by whose table `workiva_pace` all workers and triggerers
    share the rate limits. Other members of `extra` are settings of `workiva_export.Client`.
    """

    conn_name_attr = "workiva_conn_id"
    default_conn_name = "workiva_default"
    conn_type = "workiva"
    hook_name = "Workiva"

    def __init__(self, workiva_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.workiva_conn_id = workiva_conn_id

    def get_conn(self, **settings: Any) -> Client:
        """A blocking client. `settings` are added to those of the connection."""
        of_connection = settings_of(self.get_connection(self.workiva_conn_id))
        pace_conn_id = of_connection.pop("pace_conn_id", None)
        if pace_conn_id is not None:
            pace = self.get_connection(pace_conn_id)
            of_connection["pace_store"] = pace_store(pace, of_connection)
        return Client(**of_connection, **settings)

    def test_connection(self) -> tuple[bool, str]:
        """Requests a token, and polls an operation that does not exist."""
        try:
            with self.get_conn(limits={"max_failures": 1}) as client:
                client.attach("connection-test").status()
        except ExportError as error:
            # The service has accepted the token.
            if error.status == 404:
                return True, "The service accepts the credentials."
            return False, str(error)
        except ValueError as error:
            return False, str(error)
        return True, "The service accepts the credentials."


def settings_of(connection: Any) -> dict[str, Any]:
    """The settings of a client that a connection has."""
    settings = {name: value for name, value in connection.extra_dejson.items() if value is not None}
    if connection.host:
        settings["base_url"] = connection.host
        settings.pop("region", None)
    return {"client_id": connection.login, "client_secret": connection.password, **settings}


def pace_store(connection: Any, settings: Mapping[str, Any]) -> PaceStore:
    """The rate limits of these settings, in the database of a connection."""
    from workiva_export.postgres import PostgresPace

    service = settings.get("base_url") or settings.get("region", "us")
    return PostgresPace(
        "",
        f"{service} {settings['client_id']}",
        host=connection.host,
        port=connection.port,
        user=connection.login,
        password=connection.password,
        dbname=connection.schema,
    )
