"""Exports one document with a client of the Python package, or as a short script does.

Usage: python.py CLIENT BASE_URL FILE

Prints the seconds that the export took without the imports, the time of `import workiva_export` in seconds, and the peak
of the memory in KiB.
"""

import os
import resource
import sys
import time

client, url, path = sys.argv[1:]

began = time.perf_counter()
import workiva_export  # noqa: E402

imported = time.perf_counter() - began

SETTINGS = {
    "token": "t0ken",
    "base_url": url,
    "limits": {"min_poll_interval": 0.001},
    "submit_rate": 0,
    "poll_rate": 0,
}


def script(flushes=False):
    import requests

    headers = {"Authorization": "Bearer t0ken", "X-Version": "2026-01-01"}
    with requests.Session() as session:
        submit = session.post(f"{url}/documents/d1/export", json={"format": "pdf"}, headers=headers)
        submit.raise_for_status()
        while True:
            operation = session.get(submit.headers["Location"], headers=headers).json()
            if operation["status"] == "completed":
                break
            time.sleep(0.001)
        with session.get(operation["resourceUrl"], headers=headers, stream=True) as response:
            response.raise_for_status()
            with open(path, "wb") as file:
                for chunk in response.iter_content(1 << 20):
                    file.write(chunk)
                if flushes:
                    file.flush()
                    os.fsync(file.fileno())


def export(client):
    return client.export_document("d1", format="pdf").to_file(path)


def native():
    with workiva_export.Client(**SETTINGS) as client:
        export(client)


def over_requests():
    import requests
    import workiva_export.requests

    with requests.Session() as session:
        export(workiva_export.requests.Client(session, **SETTINGS))


def over_httpx():
    import httpx
    import workiva_export.httpx

    with httpx.Client() as http:
        export(workiva_export.httpx.Client(http, **SETTINGS))


def in_asyncio():
    import asyncio

    async def main():
        async with workiva_export.AsyncClient(**SETTINGS) as client:
            await export(client)

    asyncio.run(main())


def over_aiohttp():
    import asyncio

    import aiohttp
    import workiva_export.aiohttp

    async def main():
        session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False)
        async with session:
            await export(workiva_export.aiohttp.AsyncClient(session, **SETTINGS))

    asyncio.run(main())


run = {
    "script": script,
    "flushed": lambda: script(flushes=True),
    "Client": native,
    "AsyncClient": in_asyncio,
    "requests": over_requests,
    "httpx": over_httpx,
    "aiohttp": over_aiohttp,
}[client]
# What they import is not part of an export.
if client in ("script", "flushed", "requests"):
    import requests  # noqa: F401
elif client in ("httpx", "aiohttp"):
    __import__(client)
elif client == "AsyncClient":
    import asyncio  # noqa: F401
began = time.perf_counter()
run()
took = time.perf_counter() - began
print(took, imported, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
