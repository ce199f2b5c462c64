"""The clients for asyncio, and those over HTTP clients."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import aiohttp
import httpx
import pytest
import requests

import workiva_export.aiohttp
import workiva_export.httpx
import workiva_export.requests
from workiva_export import (
    Action,
    AsyncClient,
    Client,
    ExportError,
    LocalError,
    Machine,
    MachineClient,
    NetworkError,
    Report,
)
from workiva_export import _native
from workiva_export._driven import within
from workiva_export.simulator import Simulator

ID = "124efa2a142f"

Settings = Dict[str, Any]


def without_proxy(settings: Settings) -> Settings:
    return {name: value for name, value in settings.items() if name != "proxy"}


def over_requests(stack: ExitStack, settings: Settings) -> Any:
    session = stack.enter_context(requests.Session())
    # What must not be sent.
    session.headers["x-version"] = "session"
    session.auth = ("user", "password")
    session.cookies["a"] = "b"
    return workiva_export.requests.Client(session, **without_proxy(settings))


def over_httpx(stack: ExitStack, settings: Settings) -> Any:
    http = stack.enter_context(
        httpx.Client(headers={"x-version": "client"}, auth=("user", "password"), cookies={"a": "b"})
    )
    return workiva_export.httpx.Client(http, **without_proxy(settings))


async def native_async(stack: AsyncExitStack, settings: Settings) -> Any:
    return await stack.enter_async_context(AsyncClient(**settings))


async def over_async_httpx(stack: AsyncExitStack, settings: Settings) -> Any:
    http = await stack.enter_async_context(
        httpx.AsyncClient(headers={"x-version": "client"}, auth=("user", "password"))
    )
    return workiva_export.httpx.AsyncClient(http, **without_proxy(settings))


async def over_aiohttp(stack: AsyncExitStack, settings: Settings) -> Any:
    session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False)
    await stack.enter_async_context(session)
    return workiva_export.aiohttp.AsyncClient(session, **without_proxy(settings))


def signal_of(name: str, seen: asyncio.Event) -> Callable[[Dict[str, Any]], None]:
    """Sets an event of the test when that one of an export happens."""

    def on_event(event: Dict[str, Any]) -> None:
        if event["event"] == name:
            seen.set()

    return on_event


Make = Callable[..., Any]

BLOCKING: List[Make] = [over_requests, over_httpx]
ASYNC: List[Make] = [native_async, over_async_httpx, over_aiohttp]


def use(make: Make, settings: Settings, calls: Callable[[Any], Any]) -> Any:
    """Calls a function with a client of either kind, and awaits what it returns."""
    if make in BLOCKING:
        with ExitStack() as stack:
            return calls(make(stack, settings))

    async def main() -> Any:
        async with AsyncExitStack() as stack:
            return await calls(await make(stack, settings))

    return asyncio.run(main())


@pytest.mark.parametrize("make", BLOCKING + ASYNC)
@pytest.mark.parametrize("downloads", ["api-host", "redirect", "signed"])
def test_file_is_exported(make: Make, downloads: str, tmp_path: Path) -> None:
    with Simulator(downloads=downloads, artifact_size=3_000_000) as service:
        events: List[str] = []
        progress: List[Any] = []

        def on_progress(done: int, length: Optional[int]) -> None:
            progress.append((done, length))

        def on_event(event: Dict[str, Any]) -> None:
            events.append(event["event"])

        report = use(
            make,
            service.settings,
            lambda client: client.export_document(ID).to_file(
                tmp_path / "a", progress=on_progress, events=on_event
            ),
        )
        assert isinstance(report, Report)
        assert report.path == tmp_path / "a"
        assert report.length == 3_000_000 == (tmp_path / "a").stat().st_size
        assert progress[-1] == (3_000_000, 3_000_000)
        assert events[:3] == ["sending", "response", "accepted"]
        assert service.mistakes == []
        assert {request["origin"] for request in service.requests if request["has_token"]} == {"api"}


@pytest.mark.parametrize("make", BLOCKING + ASYNC)
def test_folder_bytes_submit_and_status(make: Make, tmp_path: Path) -> None:
    with Simulator() as service:
        report = use(make, service.settings, lambda it: it.export_document("d1").to_dir(tmp_path))
        assert report.path.exists()
        report, content = use(
            make, service.settings, lambda it: it.export_document("d2").to_bytes()
        )
        assert len(content) == report.length
        accepted = use(make, service.settings, lambda it: it.export_document("d3").submit())
        status = use(make, service.settings, lambda it: it.attach(accepted.operation).status())
        assert status.is_ready
        use(make, service.settings, lambda it: it.resume(status.checkpoint).to_file(tmp_path / "a"))
        assert service.exports == 3


@pytest.mark.parametrize("make", [over_requests, over_httpx, over_async_httpx, over_aiohttp])
def test_wait_until_ready_leaves_the_download_to_another(make: Make, tmp_path: Path) -> None:
    with Simulator(complete_after="1s") as service:
        accepted = use(make, service.settings, lambda it: it.export_document(ID).submit())
        status = use(make, service.settings, lambda it: it.attach(accepted.operation).wait_until_ready())
        assert status.is_ready
        assert not any("content" in request["target"] for request in service.requests)
        use(make, service.settings, lambda it: it.resume(accepted.checkpoint).to_file(tmp_path / "a"))
        assert service.exports == 1


@pytest.mark.parametrize("make", BLOCKING + ASYNC)
def test_faults_are_survived(make: Make, tmp_path: Path) -> None:
    scenario = {
        "rules": [
            {"match": {"endpoint": "submit", "nth": 1}, "then": {"fault": "status", "status": 429}},
            {"match": {"endpoint": "operation", "nth": 1}, "then": {"fault": "close", "at": "before_head"}},
            {"match": {"endpoint": "download", "nth": 1}, "then": {"fault": "close", "at": {"byte": 500_000}}},
            {"match": {"endpoint": "download", "nth": 2}, "then": {"fault": "status", "status": 401}},
        ]
    }
    with Simulator(scenario=scenario, artifact_size=1_000_000) as service:
        use(make, service.settings, lambda it: it.export_document(ID).to_file(tmp_path / "a"))
        assert (tmp_path / "a").stat().st_size == 1_000_000
        assert service.exports == 1
        assert service.mistakes == []


@pytest.mark.parametrize("make", BLOCKING + ASYNC)
def test_closed_port_and_missing_folder(make: Make, tmp_path: Path) -> None:
    settings: Settings = {
        "client_id": "id",
        "client_secret": "secret",
        "base_url": "http://127.0.0.1:1",
        "proxy": "",
        "limits": {"max_failures": 1, "backoff_base": 0.001},
    }
    with pytest.raises(NetworkError) as caught:
        use(make, settings, lambda it: it.export_document(ID).to_file(tmp_path / "a"))
    assert caught.value.checkpoint is not None
    with pytest.raises(LocalError, match="no export was requested"):
        use(make, settings, lambda it: it.export_document(ID).to_file(tmp_path / "none" / "a"))


@pytest.mark.parametrize("make", BLOCKING + ASYNC)
def test_checkpoints_are_stored_and_removed(make: Make, tmp_path: Path) -> None:
    with Simulator() as service:
        settings = {**service.settings, "checkpoints": tmp_path / "jobs"}
        use(make, settings, lambda it: it.export_document(ID, key="nightly").submit())
        assert len(list((tmp_path / "jobs").glob("*.json"))) == 1
        use(make, settings, lambda it: it.resume_key("nightly").to_file(tmp_path / "a"))
        assert list((tmp_path / "jobs").glob("*.json")) == []
        assert service.exports == 1


@pytest.mark.parametrize("make", BLOCKING + ASYNC)
def test_token_from_a_function(make: Make, tmp_path: Path) -> None:
    with Simulator() as service:
        settings = service.settings
        del settings["client_id"], settings["client_secret"]
        settings["token"] = lambda: (service.token, 600.0)
        use(make, settings, lambda it: it.export_document(ID).to_file(tmp_path / "a"))

        def fail() -> str:
            raise RuntimeError("the vault is sealed")

        settings.update(token=fail, limits={"max_failures": 0})
        with pytest.raises(ExportError, match="the vault is sealed"):
            use(make, settings, lambda it: it.export_document(ID).to_file(tmp_path / "b"))


@pytest.mark.parametrize("make", ASYNC)
def test_cancelled_task_stops_and_resumes(make: Make, tmp_path: Path) -> None:
    with Simulator(complete_after="1s", retry_after=1) as service:
        settings = {**service.settings, "checkpoints": tmp_path / "jobs"}

        async def cancel(client: Any) -> None:
            accepted = asyncio.Event()
            task = asyncio.ensure_future(
                client.export_document(ID, key="k").to_file(
                    tmp_path / "a",
                    events=signal_of("accepted", accepted),
                )
            )
            await accepted.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        use(make, settings, cancel)
        use(make, settings, lambda it: it.resume_key("k").to_file(tmp_path / "a"))
        assert service.exports == 1


def test_many_exports_of_an_async_client(tmp_path: Path) -> None:
    async def main() -> List[int]:
        with Simulator() as service:
            async with AsyncClient(**service.settings) as client:
                exports = [client.export_document(f"d{number}") for number in range(10)]
                finished = client.exports(exports, to=lambda index, export: tmp_path / f"{index}.pdf")
                return [done.number async for done in finished if done.error is None]

    assert sorted(asyncio.run(main())) == list(range(10))


def test_event_loop_is_not_blocked(tmp_path: Path) -> None:
    async def main() -> int:
        ticks = 0
        with Simulator(complete_after="1s", retry_after=1) as service:
            async with AsyncClient(**service.settings) as client:
                task = asyncio.ensure_future(client.export_document(ID).to_file(tmp_path / "a"))
                while not task.done():
                    ticks += 1
                    await asyncio.sleep(0.001)
                await task
        return ticks

    assert asyncio.run(main()) > 50


def test_timeout_of_the_client_is_told_if_both_are_due() -> None:
    async def send() -> None:
        try:
            await asyncio.wait_for(asyncio.sleep(60), 0.01)
        except asyncio.TimeoutError:
            raise ConnectionError("no connection") from None

    async def main() -> None:
        task = asyncio.ensure_future(within(0.02, send()))
        await asyncio.sleep(0.001)
        # Blocks the event loop until both are due.
        time.sleep(0.05)
        with pytest.raises(ConnectionError, match="no connection"):
            await task

    asyncio.run(main())


def test_session_of_aiohttp_must_be_bare() -> None:
    async def main() -> None:
        jar = aiohttp.DummyCookieJar()
        for wrong in [
            aiohttp.ClientSession(),
            aiohttp.ClientSession(auto_decompress=False),
            aiohttp.ClientSession(auto_decompress=False, cookie_jar=jar, headers={"a": "b"}),
        ]:
            async with wrong:
                with pytest.raises(ValueError):
                    workiva_export.aiohttp.AsyncClient(wrong, "id", "secret")

    asyncio.run(main())


def machine() -> Machine:
    client = Client("an-id", "s3cret", base_url="http://127.0.0.1:1", proxy="")
    job = _native.Job.new_export(client._settings, "document", ["d1"], "pdf", {}, None)
    return MachineClient(client._settings).machine(job)


def test_machine_refuses_what_does_not_fit() -> None:
    it = machine()
    action = it.done()
    assert isinstance(action, Action.Store)
    with pytest.raises(RuntimeError, match="Chunk does not fit Store"):
        it.chunk(b"")
    action = it.done()
    assert isinstance(action, Action.Send)
    assert (action.method, action.phase, action.is_trusted) == ("POST", None, True)
    assert b"s3cret" in action.body and "s3cret" not in repr(action)
    with pytest.raises(ValueError, match='there is no failure "else"'):
        it.failed("else")
    assert isinstance(it.head(99, []), Action.Wait)
    it.close()
    with pytest.raises(RuntimeError, match="closed"):
        it.done()


def test_machine_takes_headers_as_text_and_bytes() -> None:
    it = machine()
    it.done()
    it.done()
    action = it.head(200, [("a", "\u00fc"), (b"b", b"\xfc")])
    assert isinstance(action, Action.Collect)
    action = it.body(b'{"access_token": "eyJhbGciOi"}')
    assert isinstance(action, Action.Store)
    assert [event["event"] for event in it.events()] == ["sending"]
    assert '"version":1' in it.checkpoint
