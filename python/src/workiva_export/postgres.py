"""Rate limits that the processes of all machines share, in a table of PostgreSQL.

    from workiva_export import Client
    from workiva_export.postgres import PostgresPace

    client = Client(pace_store=PostgresPace("postgresql://db.example/exports", "nightly"))

It needs psycopg: `pip install workiva-export[postgres]`. The table `workiva_pace` is created if it is missing.
"""

from __future__ import annotations

import threading
from typing import Any, Dict, Optional, Tuple

import psycopg

__all__ = ["PostgresPace"]

CREATE = """CREATE TABLE IF NOT EXISTS workiva_pace (name TEXT PRIMARY KEY, pace TEXT)"""
INSERT = """INSERT INTO workiva_pace (name) VALUES (%s) ON CONFLICT DO NOTHING"""
LOCK = """SELECT extract(epoch FROM clock_timestamp())::float8, pace FROM workiva_pace
          WHERE name = %s FOR UPDATE NOWAIT"""
STORE = """UPDATE workiva_pace SET pace = %s WHERE name = %s"""


class PostgresPace:
    """The rate limits of one service and one client ID, in a row that is locked for each use.

    A client whose database is away goes on alone for half a minute, with what it has learned.

    Args:
        conninfo: A URL or a connection string, as `psycopg.connect` takes it. What it does not say comes from PGHOST,
            PGPASSWORD and so on, and from `~/.pgpass`.
        name: Clients with the same name share. Use the client ID, if there is one service only.
        connect: Settings of `psycopg.connect`, such as `password`.
    """

    def __init__(self, conninfo: str, name: str, **connect: Any) -> None:
        # A process that is stopped while it has the row loses it after two seconds.
        timeouts = "-c idle_in_transaction_session_timeout=2s -c statement_timeout=2s -c synchronous_commit=off"
        self._connect: Dict[str, Any] = {"connect_timeout": 2, "options": timeouts, **connect}
        self._connection: Optional[psycopg.Connection[Any]] = None
        self._conninfo = conninfo
        self._name = name
        # Clients of several threads may share the object.
        self._mutex = threading.Lock()

    def lock(self) -> Tuple[float, Optional[str]]:
        if not self._mutex.acquire(blocking=False):
            raise BlockingIOError
        try:
            return self._lock()
        except psycopg.errors.LockNotAvailable:
            self._roll_back()
            self._mutex.release()
            raise BlockingIOError from None
        except BaseException:
            self._close()
            self._mutex.release()
            raise

    def unlock(self, text: str) -> None:
        try:
            assert self._connection is not None
            self._connection.execute(STORE, (text, self._name))
            self._connection.commit()
        except BaseException:
            self._close()
            raise
        finally:
            self._mutex.release()

    def close(self) -> None:
        """Closes the connection. The next use opens another one."""
        with self._mutex:
            self._close()

    def __del__(self) -> None:
        self._close()

    def _lock(self) -> Tuple[float, Optional[str]]:
        if self._connection is None:
            self._connection = psycopg.connect(self._conninfo, **self._connect)
            self._connection.execute(CREATE)
            self._connection.execute(INSERT, (self._name,))
            self._connection.commit()
        row = self._connection.execute(LOCK, (self._name,)).fetchone()
        assert row is not None
        return row[0], row[1]

    def _roll_back(self) -> None:
        try:
            if self._connection is not None:
                self._connection.rollback()
        except psycopg.Error:
            self._close()

    def _close(self) -> None:
        """The next call connects again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
