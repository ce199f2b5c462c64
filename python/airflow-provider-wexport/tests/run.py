"""Runs the DAGs of `dags` with a real scheduler and triggerer, over the simulator: `run.py FOLDER`.

The triggerer is killed while exports wait, and tasks kill themselves. Each export has to be requested once.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

from workiva_export.simulator import Simulator

HERE = Path(__file__).parent
AIRFLOW = str(Path(sys.executable).parent / "airflow")
PATIENCE = 300
"""How long, in seconds, the test waits for a state: Airflow needs a minute to start on a busy machine."""

ENDED = {"success", "failed", "upstream_failed"}
EXPECTED = {
    "plain": ("success", 1),
    "receipt_is_read": ("success", 1),
    "submitted": ("success", 2),
    "downloading": ("success", 2),
    "blocking": ("success", 1),
    "invalid": ("failed", 1),
    "batch": ("success", 1),
    "submitted_elsewhere": ("success", 1),
    "sensor": ("success", 1),
}
"""The states of the tasks at the end, and the numbers of their tries."""

EXPORTS = 10


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Airflow:
    """The components of Airflow, on SQLite."""

    def __init__(self, folder: Path, service: Simulator) -> None:
        self.folder = folder
        port = free_port()
        connection = {
            "conn_type": "workiva",
            "login": service.client_id,
            "password": service.client_secret,
            "host": service.url,
            "extra": {"proxy": ""},
        }
        self.env = {
            **os.environ,
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": "a-secret-of-this-test-that-is-long-enough-for-hmac-with-sha-512",
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "5",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW_CONN_WORKIVA_DEFAULT": json.dumps(connection),
            "TEST_FOLDER": str(folder / "files"),
            "NO_PROXY": "127.0.0.1",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def command(self, *args: str) -> None:
        subprocess.run([AIRFLOW, *args], env=self.env, check=True, stdout=subprocess.DEVNULL)

    def start(self, name: str) -> None:
        with open(self.folder / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen(
                [AIRFLOW, name], env=self.env, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, name: str) -> None:
        """Kills a component with its processes, which are a session."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def states(self) -> dict[str, tuple[str, int]]:
        """The state of each task, and its try."""
        with sqlite3.connect(f"file:{self.folder}/airflow.db?mode=ro", uri=True, timeout=30) as db:
            rows = db.execute("select task_id, state, try_number from task_instance").fetchall()
        return {task: (state, tries) for task, state, tries in rows}

    def wait(self, what: str, is_reached: Callable[[dict[str, tuple[str, int]]], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not is_reached(self.states()):
            if time.monotonic() > end:
                raise SystemExit(f"no {what} after {PATIENCE} s: {self.states()}; the logs are in {self.folder}")
            time.sleep(0.2)


def expect(what: str, got: Any, expected: Any) -> None:
    if got != expected:
        raise SystemExit(f"{what}: expected {expected}, got {got}")


def test_connection(service: Simulator) -> None:
    """The test button."""
    from airflow.sdk import Connection

    from airflow_provider_wexport.hooks import WorkivaHook

    for secret, expected in [(service.client_secret, True), ("wrong", False)]:
        connection = Connection(
            conn_id="c", conn_type="workiva", login=service.client_id, password=secret, host=service.url
        )
        hook = WorkivaHook("c")
        hook.get_connection = lambda _, connection=connection: connection  # type: ignore[method-assign]
        expect(f"test with {secret}", hook.test_connection()[0], expected)


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "files").mkdir(parents=True)
    with Simulator() as service:
        test_connection(service)
    with Simulator(complete_after="10s", retry_after=1) as service:
        airflow = Airflow(folder, service)
        try:
            airflow.command("db", "migrate")
            for name in ["api-server", "dag-processor", "scheduler", "triggerer"]:
                airflow.start(name)
            end = time.monotonic() + PATIENCE
            while not (folder / "airflow.db").exists() or not has_dag(folder):
                if time.monotonic() > end:
                    raise SystemExit(f"the DAG was not found; the logs are in {folder}")
                time.sleep(0.5)
            airflow.command("dags", "trigger", "workiva")
            airflow.wait("deferred task", lambda states: states.get("plain", ("", 0))[0] == "deferred")
            airflow.kill("triggerer")
            airflow.start("triggerer")
            airflow.wait(
                "end",
                lambda states: set(EXPECTED) <= set(states) and all(state in ENDED for state, _ in states.values()),
            )
            expect("states", airflow.states(), EXPECTED)
        finally:
            for name in list(airflow.running):
                airflow.kill(name)
        expect("exports", service.exports, EXPORTS)
        expect("mistakes", service.mistakes, [])
        files = sorted(path.name for path in (folder / "files").iterdir() if path.is_file())
        expected = [f"b{n}.pdf" for n in range(5)] + ["blocking.pdf", "plain.pdf", "s1.xlsx", "submitted.pdf"]
        expect("files", files, sorted(expected))
        polls = sum(1 for request in service.requests if "/operations/" in request["target"])
    print(f"{EXPORTS} exports were requested once each, with {polls} polls; three tasks or triggers were killed")


def has_dag(folder: Path) -> bool:
    with sqlite3.connect(f"file:{folder}/airflow.db?mode=ro", uri=True, timeout=30) as db:
        return bool(db.execute("select 1 from dag where dag_id = 'workiva'").fetchall())


if __name__ == "__main__":
    main()
