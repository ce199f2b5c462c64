from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import httpx
import postgres
import psycopg
import pytest
import requests

import workiva_export.httpx
import workiva_export.requests
from workiva_export import Client
from workiva_export.postgres import PostgresPace
from workiva_export.simulator import Simulator


class InMemory:
    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._text: Optional[str] = None

    def lock(self) -> Tuple[float, Optional[str]]:
        if not self._mutex.acquire(blocking=False):
            raise BlockingIOError
        # The other threads run meanwhile.
        time.sleep(0.0005)
        return time.time(), self._text

    def unlock(self, text: str) -> None:
        self._text = text
        self._mutex.release()


class Broken:
    def lock(self) -> Tuple[float, Optional[str]]:
        raise OSError("the store is away")

    def unlock(self, text: str) -> None:
        raise AssertionError


@pytest.fixture(scope="module")
def conninfo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not postgres.is_installed():
        assert "CI" not in os.environ, "PostgreSQL is not installed"
        pytest.skip("PostgreSQL is not installed")
    with postgres.server(tmp_path_factory.mktemp("postgres")) as port:
        yield f"postgresql://ada@127.0.0.1:{port}/postgres"


def use_clients(service: Simulator, stores: List[Any], folder: Path) -> None:
    """Exports with three clients at once, each with a store."""
    settings: Dict[str, Any] = {**service.settings, "token": service.token, "poll_rate": 10}
    del settings["client_id"], settings["client_secret"], settings["proxy"]
    native, blocking, on_asyncio = [{**settings, "pace_store": store} for store in stores]

    def export_all(client: Any, name: str) -> None:
        for number in range(EXPORTS):
            client.export_document("d1").to_file(folder / f"{name}-{number}")

    def over_requests() -> None:
        with requests.Session() as session:
            session.trust_env = False
            export_all(workiva_export.requests.Client(session, **blocking), "requests")

    async def over_httpx() -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            client = workiva_export.httpx.AsyncClient(http, **on_asyncio)
            exports = [client.export_document("d1") for _ in range(EXPORTS)]
            files = [
                export.to_file(folder / f"httpx-{number}") for number, export in enumerate(exports)
            ]
            await asyncio.gather(*files)

    def many() -> None:
        with Client(**native, proxy="") as client:
            exports = [client.export_document("d1") for _ in range(EXPORTS)]
            for done in client.exports(exports, to=lambda number, _: folder / f"many-{number}"):
                assert done.error is None

    calls: List[Callable[[], None]] = [over_requests, lambda: asyncio.run(over_httpx()), many]
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(folder.iterdir())) == 3 * EXPORTS


EXPORTS = 8


def refused(service: Simulator) -> int:
    return sum(request["status"] == 429 for request in service.requests)


def check(service: Simulator, stores: List[Any], tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    use_clients(service, stores, files)
    assert service.exports == 3 * EXPORTS
    assert refused(service) == 0


@pytest.fixture
def limited() -> Iterator[Simulator]:
    # A little more than the clients keep to: a busy machine delays some requests more than others.
    with Simulator(operations_rate=11) as simulator:
        yield simulator


def test_limits_are_shared_through_a_file(limited: Simulator, tmp_path: Path) -> None:
    check(limited, [tmp_path / "pace" / "one.json"] * 3, tmp_path)


def test_limits_are_shared_through_an_object(limited: Simulator, tmp_path: Path) -> None:
    check(limited, [InMemory()] * 3, tmp_path)


def test_limits_are_shared_through_postgresql(
    limited: Simulator, tmp_path: Path, conninfo: str
) -> None:
    check(limited, [PostgresPace(conninfo, "an-id") for _ in range(3)], tmp_path)
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT name, length(pace) FROM workiva_pace").fetchone()
    assert row is not None and row[0] == "an-id" and row[1] > 100


def test_client_goes_on_alone_without_its_store(
    service: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(**service.settings, pace_store=Broken()) as client:
        client.export_document("d1").to_file(tmp_path / "a")
    text = "the rate limits are not shared with other processes for now: OSError: the store is away"
    assert [record.message for record in caplog.records] == [text]
