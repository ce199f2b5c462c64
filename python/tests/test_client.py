from __future__ import annotations

import asyncio
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest

from workiva_export import (
    AsyncClient,
    Checkpoint,
    Client,
    ExportError,
    ListedFile,
    LocalError,
    NetworkError,
    ServiceError,
    Stopped,
)
from workiva_export.simulator import Simulator

ID = "124efa2a142f"


def signal_of(name: str, seen: threading.Event) -> Callable[[Dict[str, Any]], None]:
    """Sets an event of the test when that one of an export happens."""

    def on_event(event: Dict[str, Any]) -> None:
        if event["event"] == name:
            seen.set()

    return on_event


def refusal(endpoint: str, status: int) -> Dict[str, Any]:
    fault = {"fault": "status", "status": status}
    return {"rules": [{"match": {"endpoint": endpoint, "nth": "every"}, "then": fault}]}


def test_file_is_exported(service: Simulator, tmp_path: Path) -> None:
    with Client(**service.settings) as client:
        report = client.export_document(ID, format="pdf", include_comments=True).to_file(
            tmp_path / "report.pdf"
        )
    assert report.path == tmp_path / "report.pdf"
    assert report.length == (tmp_path / "report.pdf").stat().st_size
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    assert (report.media_type, report.submits) == ("application/pdf", 1)
    submit = service.requests[1]
    assert submit["body"] == '{"format":"pdf","pdfOptions":{"includeComments":true}}'


def test_folder_gets_the_name_of_the_service(service: Simulator, tmp_path: Path) -> None:
    report = Client(**service.settings).export_presentation(ID).to_dir(str(tmp_path))
    assert report.path == tmp_path / report.file_name
    assert report.path is not None and report.path.exists()


def test_bytes_are_limited(service: Simulator) -> None:
    client = Client(**service.settings)
    report, content = client.export_spreadsheet(ID, format="csv", sheets=["a"]).to_bytes()
    assert len(content) == report.length
    with pytest.raises(LocalError):
        client.export_spreadsheet(ID).to_bytes(limit=10)


def test_every_kind_is_exported(service: Simulator) -> None:
    client = Client(**service.settings)
    exports = [
        client.export_file("f1"),
        client.export_file("f2", kind="document"),
        client.export_file("f3", kind="document", format="pdf", include_comments=True),
        client.export_file("f4", kind="workiva"),
        client.export_folder("f5"),
        client.export_style_guide("s1"),
        client.export_style_guide("s1", revision="2"),
        client.export_graph_report("g1"),
        client.export_test_form("t1"),
        client.export_test_attachment("t1", "p1", "a1"),
        client.export_test_attachment("t1", "p1", "a1", matrix_id="m1", sample_id="s1"),
        client.export_request("/documents/d1/export", {"format": "docx"}),
    ]
    for export in exports:
        report, content = export.to_bytes()
        assert len(content) == report.length


@pytest.mark.parametrize("client", ["blocking", "asyncio"])
def test_files_are_listed(client: str, service: Simulator) -> None:
    def files(*args: str, **filters: str) -> List[ListedFile]:
        if client == "blocking":
            return Client(**service.settings).files(*args, **filters)
        return asyncio.run(AsyncClient(**service.settings).files(*args, **filters))

    everything = files()
    assert [file.name for file in everything[-2:]] == ["Q4 report (old)", "Reports 2026"]
    assert everything[0] == ListedFile(
        id="124efa2a142f472ba1ceab34ed18915f",
        name="Annual report 2026",
        kind="Document",
        type=None,
        container=None,
        created="2026-11-02T09:30:00Z",
        modified="2026-11-02T09:30:00Z",
        state="Active",
        is_template=False,
    )
    folder = "5f0a1c9e2b7d4e6f8a3b5c7d9e1f2a4b"
    for found, names in [
        (files("q4", kind="document"), ["Q4 report", "Q4 report (old)"]),
        (files(container=folder, state="Active"), ["Q4 figures", "Q4 report"]),
        (files(state="Trashed"), ["Q4 report (old)"]),
    ]:
        assert [file.name for file in found] == names


def test_list_that_is_refused_is_an_error() -> None:
    with Simulator(scenario=refusal("files", 403)) as service, pytest.raises(LocalError) as raised:
        Client(**service.settings).files()
    assert (raised.value.status, raised.value.resumable) == (403, False)
    assert str(raised.value).startswith("cannot list the files: ")


def test_list_is_stopped() -> None:
    scenario = refusal("files", 503)
    with Simulator(scenario=scenario) as service, Client(**service.settings) as client:
        stop = threading.Timer(0.2, client.stop)
        stop.start()
        with pytest.raises(Stopped) as raised:
            client.files()
        stop.join()
    assert not raised.value.resumable


def test_invalid_options_are_value_errors(service: Simulator) -> None:
    client = Client(**service.settings)
    calls: List[Callable[[], object]] = [
        lambda: client.export_document(ID, format="txt"),
        lambda: client.export_document(ID, nonsense=True),  # type: ignore[call-arg] # pyright: ignore
        lambda: client.export_document(ID, include_comments="yes"),  # type: ignore[arg-type] # pyright: ignore
        lambda: client.export_document(""),
        lambda: client.export_document(ID, key="k"),
        lambda: client.resume_key("k"),
        lambda: client.attach("https://elsewhere.example/op"),
        lambda: client.export_request("/nonsense", "{}"),
        lambda: Client(),
        lambda: Client("id", "secret", token="t"),
        lambda: Client("id", "secret", region="mars"),
        lambda: Client("id", "secret", base_url="http://example.com"),
        lambda: Client("id", "secret", limits={"nonsense": 1}),
        lambda: Client("id", "secret", timeout=-1),
        lambda: Checkpoint("{}"),
    ]
    for wrong in calls:
        with pytest.raises(ValueError):
            wrong()
    assert service.requests == []


def test_progress_and_events_are_reported(tmp_path: Path) -> None:
    with Simulator(artifact_size=5_000_000) as service:
        seen: List[Tuple[int, Optional[int]]] = []
        events: List[Dict[str, Any]] = []
        export = Client(**service.settings).export_document(ID)
        export.to_file(
            tmp_path / "a", progress=lambda done, length: seen.append((done, length)), events=events.append
        )
    assert seen[-1] == (5_000_000, 5_000_000)
    assert [event["event"] for event in events][:3] == ["sending", "response", "accepted"]


def test_error_in_a_callback_stops_the_export(service: Simulator, tmp_path: Path) -> None:
    def fail(event: object) -> None:
        raise RuntimeError("from the callback")

    with pytest.raises(RuntimeError, match="from the callback"):
        Client(**service.settings).export_document(ID).to_file(tmp_path / "a", events=fail)


@pytest.mark.parametrize(
    ("scenario", "cls", "kind", "phase", "status", "resumable"),
    [
        (refusal("submit", 403), LocalError, "refused", "submit", 403, False),
        (refusal("token", 401), LocalError, "unauthorized", "submit", None, True),
        (refusal("operation", 500), ServiceError, "gave_up", "poll", 500, True),
    ],
)
def test_errors_say_who_has_to_act(
    scenario: Dict[str, Any],
    cls: type,
    kind: str,
    phase: str,
    status: Optional[int],
    resumable: bool,
    tmp_path: Path,
) -> None:
    with Simulator(scenario=scenario) as service:
        settings = service.settings
        settings["limits"]["max_failures"] = 2
        with pytest.raises(ExportError) as caught:
            Client(**settings).export_document(ID).to_file(tmp_path / "a")
    error = caught.value
    assert type(error) is cls
    assert (error.kind, error.phase, error.status, error.resumable) == (kind, phase, status, resumable)
    assert (error.checkpoint is not None) == resumable
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.checkpoint) == (cls, str(error), error.checkpoint)


def test_closed_port_is_a_network_error(tmp_path: Path) -> None:
    client = Client(
        "id", "secret", base_url="http://127.0.0.1:1", proxy="", limits={"max_failures": 0}
    )
    with pytest.raises(NetworkError):
        client.export_document(ID).to_file(tmp_path / "a")


def test_missing_folder_is_found_before_the_export(service: Simulator, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="no export was requested"):
        Client(**service.settings).export_document(ID).to_file(tmp_path / "none" / "a")
    assert service.exports == 0


def test_submitted_export_is_resumed_and_attached(service: Simulator, tmp_path: Path) -> None:
    client = Client(**service.settings)
    accepted = client.export_document(ID).submit()
    assert accepted.operation == accepted.checkpoint.operation
    status = client.attach(accepted.operation).status()
    assert (status.status, status.is_ready) == ("completed", True)
    stored = Checkpoint(accepted.checkpoint.to_json())
    assert stored == accepted.checkpoint and hash(stored) == hash(accepted.checkpoint)
    client.resume(stored).to_file(tmp_path / "a")
    assert service.exports == 1


def test_key_finds_the_export_of_another_client(service: Simulator, tmp_path: Path) -> None:
    settings: Dict[str, Any] = {**service.settings, "checkpoints": tmp_path / "jobs"}
    Client(**settings).export_document(ID, key="nightly").submit()
    client = Client(**settings)
    export = client.resume_key("nightly")
    assert export is not None
    export.to_file(tmp_path / "a")
    assert client.resume_key("nightly") is None
    assert service.exports == 1


def test_many_exports_share_the_client(service: Simulator, tmp_path: Path) -> None:
    with Client(**service.settings) as client:
        exports = [client.export_document(f"d{number}") for number in range(20)]
        done = list(client.exports(exports, to=lambda index, export: tmp_path / f"{index}.pdf"))
    assert sorted(finished.number for finished in done) == list(range(20))
    assert all(finished.error is None for finished in done)
    assert len(list(tmp_path.glob("*.pdf"))) == 20
    tokens = [request for request in service.requests if "oauth2" in request["target"]]
    assert len(tokens) == 1


def test_exports_that_are_not_awaited_stop(tmp_path: Path) -> None:
    with Simulator(complete_after="60s") as service, Client(**service.settings) as client:
        exports = [client.export_document(f"d{number}") for number in range(3)]
        running = client.exports(exports, to=lambda index, export: tmp_path / f"{index}.pdf")
        del running


def test_stop_ends_exports_of_other_threads(tmp_path: Path) -> None:
    with Simulator(complete_after="60s") as service:
        client = Client(**service.settings)
        caught: List[ExportError] = []
        accepted = threading.Event()

        def export() -> None:
            try:
                client.export_document(ID).to_file(
                    tmp_path / "a", events=signal_of("accepted", accepted)
                )
            except ExportError as error:
                caught.append(error)

        thread = threading.Thread(target=export)
        thread.start()
        assert accepted.wait(30)
        client.close()
        thread.join(30)
    assert isinstance(caught[0], Stopped)
    assert caught[0].checkpoint is not None and caught[0].checkpoint.operation is not None
    with pytest.raises(RuntimeError, match="closed"):
        client.export_document(ID).submit()


def test_gil_is_released(tmp_path: Path) -> None:
    with Simulator(complete_after="1s", retry_after=1) as service:
        counted = 0
        running = True

        def count() -> None:
            nonlocal counted
            while running:
                counted += 1
                time.sleep(0.001)

        thread = threading.Thread(target=count)
        thread.start()
        Client(**service.settings).export_document(ID).to_file(tmp_path / "a")
        running = False
        thread.join()
    assert counted > 50


INTERRUPTED = """
import asyncio, contextlib, glob, signal, sys, time
from workiva_export import AsyncClient, Client
# A process in the background may have inherited that it is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
settings = {"base_url": sys.argv[1], "proxy": "", "checkpoints": sys.argv[2]}
def tell(event):
    print(event["event"], flush=True)
def blocking():
    Client("an-id", "a-secret", **settings).export_document("d1", key="nightly").to_file(sys.argv[3], events=tell)
async def in_asyncio():
    client = AsyncClient("an-id", "a-secret", **settings)
    try:
        await client.export_document("d1", key="nightly").to_file(sys.argv[3], events=tell)
    except asyncio.CancelledError:
        # Before Python 3.11, the KeyboardInterrupt comes instead.
        print("cancelled", threads(), flush=True)
        raise
def threads():
    # Where there is no /proc, there are none. A thread that was joined is listed for a moment more.
    end = time.monotonic() + 5
    while True:
        with contextlib.suppress(OSError):
            names = [open(name).read() for name in glob.glob("/proc/self/task/*/comm")]
            left = sum("workiva-export" in name for name in names)
            if left == 0 or time.monotonic() > end:
                return left
try:
    in_asyncio_or_blocking()
except KeyboardInterrupt:
    print("interrupted", threads(), flush=True)
"""

RUNS = {"Client": "blocking()", "AsyncClient": "asyncio.run(in_asyncio())"}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for a child process")
@pytest.mark.parametrize("client", RUNS)
def test_ctrl_c_interrupts_at_once_and_the_export_is_resumed(client: str, tmp_path: Path) -> None:
    with Simulator(complete_after="2s", retry_after=600) as service:
        jobs = tmp_path / "jobs"
        script = INTERRUPTED.replace("in_asyncio_or_blocking()", RUNS[client])
        args = [sys.executable, "-c", script, service.url, str(jobs), str(tmp_path / "a")]
        with subprocess.Popen(args, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            while "waiting" not in child.stdout.readline():
                pass
            sent = time.monotonic()
            child.send_signal(signal.SIGINT)
            told = child.stdout.read()
            assert child.wait() == 0
        # The service has asked to wait for ten minutes.
        assert time.monotonic() - sent < 10
        # The thread of the export has ended before.
        assert "interrupted 0" in told
        if client == "AsyncClient" and sys.version_info >= (3, 11):
            assert "cancelled 0" in told
        again = Client(**service.settings, checkpoints=jobs)
        assert again.resume_key("nightly") is not None
        assert service.exports == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_forked_client_is_refused(service: Simulator) -> None:
    client = Client(**service.settings)
    export = client.export_document(ID)
    pid = os.fork()
    if pid == 0:
        try:
            export.submit()
        except RuntimeError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0


def test_token_comes_from_a_function(service: Simulator, tmp_path: Path) -> None:
    calls: List[int] = []

    def token() -> Tuple[str, float]:
        calls.append(1)
        return service.token, 600.0

    settings = service.settings
    del settings["client_id"], settings["client_secret"]
    client = Client(token=token, **settings)
    client.export_document(ID).to_file(tmp_path / "a")
    client.export_document("d2").to_file(tmp_path / "b")
    assert len(calls) == 1
    Client(token=service.token, **settings).export_document("d3").submit()


def test_tls_trusts_a_bundle(tmp_path: Path) -> None:
    with Simulator(tls=True) as service:
        bundle = tmp_path / "ca.pem"
        bundle.write_text(service.ca_pem or "")
        client = Client(**service.settings, ca_bundle=bundle)
        client.export_document(ID).to_file(tmp_path / "a")
        settings = service.settings
        with pytest.raises(NetworkError) as caught:
            Client(**settings).export_document(ID).to_file(tmp_path / "b")
        assert caught.value.kind == "untrusted"


def test_settings_come_from_the_environment(
    service: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKIVA_CLIENT_ID", service.client_id)
    monkeypatch.setenv("WORKIVA_CLIENT_SECRET", service.client_secret)
    client = Client(base_url=service.url, proxy="", timeout=timedelta(minutes=1))
    client.export_document(ID).to_file(tmp_path / "a")


def test_repr_has_no_secret() -> None:
    client = Client("an-id", "s3cret", base_url="http://127.0.0.1:1")
    for value in (client, client._settings, client.export_document(ID), client._client):
        assert "s3cret" not in repr(value)


def test_own_headers_are_sent_to_the_service_alone(tmp_path: Path) -> None:
    with Simulator(downloads="signed") as service:
        client = Client(**service.settings, headers={"User-Agent": "my-tool/1"})
        client.export_document(ID).to_file(tmp_path / "a")
        agents = {(request["origin"], request["user_agent"]) for request in service.requests}
        assert agents == {("api", "my-tool/1"), ("storage", None)}
        assert service.mistakes == []
