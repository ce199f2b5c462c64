"""Runs the recipes of docs/orchestrators.md over the simulator: recipes.py PAGE WEXPORT FOLDER DAGSTER PREFECT TEMPORAL.

The last three are the Pythons of virtual environments with these packages.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from workiva_export.simulator import Simulator

page, wexport, folder, dagster, prefect, temporal = map(Path, sys.argv[1:])

# The recipe names no service; here its URL is that of the simulator.
PRELUDE = """
import os
import workiva_export._settings as settings
import workiva_export._client as client_module
native = settings.native_settings
def local(*args):
    args = list(args)
    args[4] = args[4] or os.environ["WEXPORT_BASE_URL"]
    return native(*args)
client_module.native_settings = local
"""


def indented(code):
    return "".join(f"    {line}\n" for line in code.splitlines())


def recipe(title):
    code = re.search(rf"```python\n# {title}\n(.*?)```", page.read_text(), re.DOTALL)
    assert code is not None, f"the page has no {title}"
    return code[1]


def run(python, *args):
    subprocess.run([python, *args], cwd=folder, env=env, check=True, timeout=120)


@contextmanager
def simulator():
    """A service for a recipe, which exports each of two items once."""
    with Simulator(complete_after="1s") as service:
        env["WEXPORT_BASE_URL"] = service.url
        yield
        assert service.exports == 2
        assert service.mistakes == [], service.mistakes


shutil.rmtree(folder, ignore_errors=True)
dags = folder / "dags"
dags.mkdir(parents=True)
(folder / "exports.csv").write_text("kind,id,format\ndocument,d1,pdf\nspreadsheet,s1,xlsx\n")
env = {
    **os.environ,
    "HOME": str(folder),
    "PATH": f"{wexport.parent}:{os.environ['PATH']}",
    "WORKIVA_CLIENT_ID": Simulator.client_id,
    "WORKIVA_CLIENT_SECRET": Simulator.client_secret,
    "NO_PROXY": "127.0.0.1",
    "AIRFLOW_HOME": str(folder / "airflow"),
    "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "DAGSTER_HOME": str(folder),
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}

with simulator():
    # The DAG runs in one process, with the same operators.
    dag = recipe("Airflow: a batch, and a task for each of its files.")
    (dags / "reports.py").write_text(dag.replace("/data", str(folder)).replace("retries=3", "retries=0"))
    airflow = Path(sys.executable).parent / "airflow"
    run(airflow, "db", "migrate")
    run(airflow, "dags", "reserialize")
    run(airflow, "dags", "test", "reports", "2026-11-27")
    (results,) = folder.glob("*.jsonl")
    assert [json.loads(line)["status"] for line in results.read_text().splitlines()] == ["done", "done"]

with simulator():
    (folder / "translate.py").write_text(recipe("Dagster: translate.py"))
    (folder / "definitions.py").write_text(recipe("Dagster: definitions.py"))
    run(dagster, "-m", "dagster", "asset", "materialize", "--select", "*", "-f", "definitions.py")
    assert len(list((folder / "exports").iterdir())) == 2

with simulator():
    (folder / "flow.py").write_text(PRELUDE + recipe("Prefect: flow.py"))
    run(prefect, "flow.py")
    assert (folder / "d1.pdf").exists() and (folder / "d2.pdf").exists()


@contextmanager
def temporal_server():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    line = [temporal.parent / "temporal", "server", "start-dev", "--headless", "--port", str(port)]
    with open(folder / "temporal.log", "wb") as log:
        server = subprocess.Popen(line, stdout=log, stderr=log, cwd=folder)
        try:
            yield port
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


with simulator(), temporal_server() as port:
    for document in ["d1", "d2"]:
        (folder / f"{document}.pdf").unlink()
    code = recipe("Temporal: reports.py").replace("127.0.0.1:7233", f"127.0.0.1:{port}")
    # The workflow is imported again, in a sandbox, without these lines.
    code = code.replace('if __name__ == "__main__":\n', 'if __name__ == "__main__":\n' + indented(PRELUDE))
    # The first worker is killed while both exports wait for their files.
    waits = "        export = self.client.resume"
    killed = code.replace(waits, f"        waiting.append(document)\n        if len(waiting) == 2: os._exit(9)\n{waits}")
    (folder / "killed.py").write_text("import os\nwaiting = []\n" + killed.replace("timedelta(minutes=5)", "timedelta(seconds=3)"))
    (folder / "reports.py").write_text(code)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.2)
    first = subprocess.run([temporal, "killed.py"], cwd=folder, env=env, timeout=120)
    assert first.returncode == 9, first
    run(temporal, "reports.py")
    assert (folder / "d1.pdf").exists() and (folder / "d2.pdf").exists()
print("the recipes of Airflow, Dagster, Prefect and Temporal have run")
