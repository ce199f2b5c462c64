"""Runs the examples of README.md, each in a process of its own, against the simulator."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

from workiva_export.simulator import Simulator

README = Path(__file__).parents[1] / "README.md"


def examples() -> List[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


# The examples name a region of the service; here its URL is that of the simulator.
PRELUDE = """
import os
import workiva_export._settings as settings
native = settings.native_settings
def local(*args):
    args = list(args)
    args[3], args[4] = None, args[4] or os.environ["SIMULATOR"]
    return native(*args)
for name in ("_client", "_driven"):
    module = __import__(f"workiva_export.{name}", fromlist=["x"])
    module.native_settings = local
"""


def run(code: str, folder: Path, service: Simulator) -> str:
    env = {
        **os.environ,
        "HOME": str(folder),
        "SIMULATOR": service.url,
        "WORKIVA_CLIENT_ID": service.client_id,
        "WORKIVA_CLIENT_SECRET": service.client_secret,
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PRELUDE + code],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_readme_has_all_examples() -> None:
    assert len(examples()) == 10


@pytest.mark.parametrize("number", range(10))
def test_example_of_the_readme_runs(number: int, tmp_path: Path, service: Simulator) -> None:
    printed = run(examples()[number], tmp_path, service)
    assert "Error" not in printed
    assert list(tmp_path.glob("**/*.pdf")) + list(tmp_path.glob("*.xlsx"))


def test_example_of_a_crash_continues(tmp_path: Path) -> None:
    """A process that is killed while the export is under way, and the same script again."""
    example = next(code for code in examples() if "resume_key" in code)
    with Simulator(complete_after="2s", retry_after=1) as service:
        killed = example.replace(
            "to_file(\"report.pdf\")",
            "to_file('report.pdf', events=lambda it: it['event'] == 'waiting' and os._exit(9))",
        )
        with pytest.raises(AssertionError):
            run(killed, tmp_path, service)
        assert not (tmp_path / "report.pdf").exists()
        run(example, tmp_path, service)
        assert (tmp_path / "report.pdf").exists()
        assert service.exports == 1
        assert list((tmp_path / "jobs").glob("*.json")) == []
