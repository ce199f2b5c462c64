"""Exports documents as a short script does: 64 at a time, with nothing kept and nothing checked.

Usage: plain_loop.py BASE_URL COUNT FOLDER
"""

import asyncio
import pathlib
import sys

import httpx

AT_ONCE = 64
HEADERS = {"Authorization": "Bearer t0ken", "X-Version": "2026-01-01"}


async def export(client, url, path):
    submit = await client.post(url, json={"format": "pdf"})
    submit.raise_for_status()
    while True:
        operation = await client.get(submit.headers["Location"])
        operation.raise_for_status()
        if operation.json()["status"] == "completed":
            break
        await asyncio.sleep(1)
    async with client.stream("GET", operation.json()["resourceUrl"]) as file:
        file.raise_for_status()
        with path.open("wb") as out:
            async for chunk in file.aiter_bytes():
                out.write(chunk)


async def main(base, count, folder):
    gate = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(headers=HEADERS, timeout=60) as client:

        async def limited(number):
            async with gate:
                url = f"{base}/documents/{number:032x}/export"
                await export(client, url, folder / f"{number}.pdf")

        await asyncio.gather(*map(limited, range(count)))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])))
