"""Runs the DAGs of `dags` with a real scheduler and triggerer, over the simulator: `run.py FOLDER`.

The triggerer is killed while exports wait, and tasks kill themselves. Each export has to be requested once. Then 40
tasks run without a limit, which is what Airflow takes, and 40 share the rate limit of a service through PostgreSQL,
beside one batch of 40.
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

from workiva_export import Client
from workiva_export.simulator import Simulator

HERE = Path(__file__).parent
sys.path.append(str(HERE.parents[1] / "tests"))

import postgres  # noqa: E402  (a module of the tests of workiva-export)

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


def connection(service: Simulator) -> str:
    return json.dumps(
        {
            "conn_type": "workiva",
            "login": service.client_id,
            "password": service.client_secret,
            "host": service.url,
            "extra": {"proxy": "", "pace_conn_id": "pace"},
        }
    )


class Airflow:
    """The components of Airflow, on SQLite."""

    def __init__(self, folder: Path, services: dict[str, Simulator], pace_port: int) -> None:
        self.folder = folder
        port = free_port()
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
            **{f"AIRFLOW_CONN_{name.upper()}": connection(service) for name, service in services.items()},
            "AIRFLOW_CONN_PACE": f"postgresql://ada@127.0.0.1:{pace_port}/postgres",
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

    def query(self, query: str, *arguments: str) -> list[Any]:
        with sqlite3.connect(f"file:{self.folder}/airflow.db?mode=ro", uri=True, timeout=30) as db:
            return db.execute(query, arguments).fetchall()

    def states(self, dag: str = "workiva") -> dict[str, tuple[str, int]]:
        """The state of each task, and its try."""
        query = "select task_id || case when map_index < 0 then '' else map_index end, state, try_number "
        query += "from task_instance where dag_id = ?"
        return {task: (state, tries) for task, state, tries in self.query(query, dag)}

    def took(self, dag: str) -> float:
        """The seconds from the request for a run to the end of its last task."""
        query = "select 86400 * (julianday(max(task.end_date)) - julianday(min(run.queued_at))) "
        query += "from task_instance task join dag_run run using (dag_id, run_id) where dag_id = ?"
        return float(self.query(query, dag)[0][0])

    def wait(
        self, what: str, is_reached: Callable[[dict[str, tuple[str, int]]], bool], dag: str = "workiva"
    ) -> None:
        end = time.monotonic() + PATIENCE
        while not is_reached(self.states(dag)):
            if time.monotonic() > end:
                raise SystemExit(f"no {what} after {PATIENCE} s: {self.states(dag)}; the logs are in {self.folder}")
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


def limited() -> Simulator:
    """A service that admits one poll a second."""
    return Simulator(complete_after="1s..20s", retry_after=1, operations_rate=1)


MANY = 40
"""The number of exports that share the limit."""


def run_batch(folder: Path) -> str:
    """Runs as many exports with one client."""
    with limited() as service:
        settings = {"base_url": service.url, "proxy": "", "client_id": service.client_id}
        with Client(**settings, client_secret=service.client_secret) as client:
            exports = [client.export_document(f"d{number}") for number in range(MANY)]
            began = time.monotonic()
            for done in client.exports(exports, to=lambda number, _: folder / f"batch-{number}"):
                expect("error", done.error, None)
        return f"{time.monotonic() - began:.0f} s, {polls_of(service)} polls, {refused_by(service)} refused"


def run_tasks(airflow: Airflow, dag: str, service: Simulator) -> str:
    """Runs as many exports with a task for each."""
    airflow.command("dags", "trigger", dag)
    airflow.wait(
        "end of the 40 tasks",
        lambda states: len(states) == MANY and all(state in ENDED for state, _ in states.values()),
        dag,
    )
    took = airflow.took(dag)
    expect("states", {state for state, _ in airflow.states(dag).values()}, {"success"})
    expect("exports", service.exports, MANY)
    expect("mistakes", service.mistakes, [])
    return f"{took:.0f} s, {polls_of(service)} polls, {refused_by(service)} refused"


def refused_by(service: Simulator) -> int:
    return sum(request["status"] == 429 for request in service.requests)


def polls_of(service: Simulator) -> int:
    return sum(1 for request in service.requests if "/operations/" in request["target"])


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "files").mkdir(parents=True)
    (folder / "postgres").mkdir()
    with Simulator() as service:
        test_connection(service)
    with (
        Simulator(complete_after="10s", retry_after=1) as service,
        limited() as slow,
        Simulator(complete_after="10s", retry_after=1) as fast,
        postgres.server(folder / "postgres") as port,
    ):
        airflow = Airflow(folder, {"workiva_default": service, "limited": slow, "unlimited": fast}, port)
        try:
            airflow.command("db", "migrate")
            for name in ["api-server", "dag-processor", "scheduler", "triggerer"]:
                airflow.start(name)
            end = time.monotonic() + PATIENCE
            while not (folder / "airflow.db").exists() or not has_dags(airflow):
                if time.monotonic() > end:
                    raise SystemExit(f"the DAGs were not found; the logs are in {folder}")
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
            expect("exports", service.exports, EXPORTS)
            expect("mistakes", service.mistakes, [])
            files = sorted(path.name for path in (folder / "files").iterdir() if path.is_file())
            expected = [f"b{n}.pdf" for n in range(5)] + ["blocking.pdf", "plain.pdf", "s1.xlsx", "submitted.pdf"]
            expect("files", files, sorted(expected))
            polls = polls_of(service)
            print(f"{EXPORTS} exports were requested once each, with {polls} polls; three tasks or triggers were killed")
            print(f"{MANY} tasks without a limit: {run_tasks(airflow, 'unlimited', fast)}")
            print(f"{MANY} tasks at one poll a second: {run_tasks(airflow, 'limited', slow)}")
            print(f"one batch of {MANY}: {run_batch(folder)}")
            # Each process that does not share the limit has to learn it.
            if refused_by(slow) > 10:
                raise SystemExit("the tasks did not share the limit")
        finally:
            for name in list(airflow.running):
                airflow.kill(name)


def has_dags(airflow: Airflow) -> bool:
    return len(airflow.query("select 1 from dag where dag_id in ('workiva', 'limited', 'unlimited')")) == 3


if __name__ == "__main__":
    main()
