"""A PostgreSQL server for a test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Generator, List, Optional


def programs() -> Optional[Path]:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = shutil.which("initdb")
    return Path(found).parent if found else debian[-1] if debian else None


def is_installed() -> bool:
    return programs() is not None


@contextmanager
def server(folder: Path) -> Generator[int, None, None]:
    """Runs a server in this folder, and returns its port. The user `ada` needs no password."""
    found = programs()
    assert found is not None
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    user: List[str] = []
    if os.geteuid() == 0:
        # The server refuses root.
        for path in (folder, *folder.parents[:2]):
            path.chmod(0o755)
        shutil.chown(folder, "nobody")
        user = ["setpriv", "--reuid", "nobody", "--clear-groups", "--"]

    def run(program: str, *args: str) -> None:
        command = [*user, str(found / program), "-D", str(folder / "data"), *args]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)

    run("initdb", "-A", "trust", "-U", "ada", "-N")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {folder}"
    run("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", options)
    try:
        yield port
    finally:
        run("pg_ctl", "stop", "-m", "immediate")
