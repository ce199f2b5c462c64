"""Runs the conformance cases of the adapters with one driver, for the program `python_cases` of the workspace.

A case is a line of JSON on standard input. Each event is printed as a line, and answered with a line, so that the events
and the requests that the service receives are recorded in their order. The result is the last line of a case.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import tempfile
from typing import Any, Awaitable, Callable, Dict

import aiohttp
import httpx
import requests

import workiva_export.aiohttp
import workiva_export.httpx
import workiva_export.requests
from workiva_export import ExportError

Case = Dict[str, Any]


def settings(case: Case) -> Dict[str, Any]:
    credentials = {"token": case["token"]} if case["secret"] is None else {
        "client_id": "the-client",
        "client_secret": case["secret"],
    }
    return {
        **credentials,
        "base_url": case["base_url"],
        "api_version": case["api_version"],
        "limits": case["limits"],
        "resubmit": case["resubmit"],
        "pace": "exact",
        "jitter": 0,
        "submit_rate": 0,
        "poll_rate": 0,
        "download_rate": 0,
    }


def on_event(event: Dict[str, Any]) -> None:
    print(json.dumps(event), flush=True)
    sys.stdin.readline()


def context(case: Case) -> Any:
    return ssl.create_default_context(cadata=case["ca"]) if case["ca"] else True


def spec(client: Any, case: Case) -> Any:
    path, body = case["spec"]["path"], case["spec"]["body"]
    return client.export_request(path, json.dumps(body, separators=(",", ":")))


def run_blocking(make: Callable[[], Any], case: Case) -> Any:
    client = make()
    if case["goal"] == "status":
        return client.attach(case["operation"]).status(events=on_event)
    export = spec(client, case)
    if case["goal"] == "handover":
        export = make().resume(export.submit(events=on_event).checkpoint)
    return export.to_bytes(case["limit"], events=on_event)


async def run_async(make: Callable[[], Any], case: Case) -> Any:
    client = make()
    if case["goal"] == "status":
        return await client.attach(case["operation"]).status(events=on_event)
    export = spec(client, case)
    if case["goal"] == "handover":
        export = make().resume((await export.submit(events=on_event)).checkpoint)
    return await export.to_bytes(case["limit"], events=on_event)


def over_requests(case: Case) -> Any:
    # It takes the certificate of a CA from a file only.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as ca, requests.Session() as session:
        ca.write(case["ca"])
        ca.flush()
        session.trust_env = False
        session.verify = ca.name if case["ca"] else True
        return run_blocking(lambda: workiva_export.requests.Client(session, **settings(case)), case)


def over_httpx(case: Case) -> Any:
    with httpx.Client(verify=context(case), trust_env=False) as http:
        return run_blocking(lambda: workiva_export.httpx.Client(http, **settings(case)), case)


async def over_async_httpx(case: Case) -> Any:
    async with httpx.AsyncClient(verify=context(case), trust_env=False) as http:
        return await run_async(lambda: workiva_export.httpx.AsyncClient(http, **settings(case)), case)


async def over_aiohttp(case: Case) -> Any:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context(case)),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    ) as session:
        return await run_async(
            lambda: workiva_export.aiohttp.AsyncClient(session, **settings(case)), case
        )


BLOCKING = {"requests": over_requests, "httpx": over_httpx}
ASYNC: Dict[str, Callable[[Case], Awaitable[Any]]] = {
    "httpx-async": over_async_httpx,
    "aiohttp": over_aiohttp,
}


def result(driver: str, case: Case) -> Dict[str, Any]:
    try:
        if driver in BLOCKING:
            done = BLOCKING[driver](case)
        else:

            async def main() -> Any:
                return await ASYNC[driver](case)

            done = asyncio.run(main())
    except ExportError as error:
        offset = None if error.checkpoint is None else error.checkpoint.offset
        return {**error._facts, "end": "error", "offset": offset}
    if case["goal"] == "status":
        return {"end": "status", "status": done.status or "no status", "is_ready": done.is_ready}
    report, content = done
    return {**report._asdict(), "path": None, "end": "file", "content": content.hex()}


def main() -> None:
    # The time of the imports is not that of a case.
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        case: Case = json.loads(line)
        print(json.dumps({"result": result(sys.argv[1], case)}), flush=True)


if __name__ == "__main__":
    main()
