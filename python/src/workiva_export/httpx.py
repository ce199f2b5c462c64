"""Exports over an `httpx.Client` or an `httpx.AsyncClient` of your own.

    import httpx
    from workiva_export.httpx import AsyncClient

    async with httpx.AsyncClient() as http:
        client = AsyncClient(http, "an-id", "a-secret")
        await client.export_document("124efa2a142f").to_file("report.pdf")

Its proxies, certificates and transport are used; its headers, cookies and `auth` are not: the state machine decides
what a request has. Do not give it a transport that retries.
"""

from __future__ import annotations

import asyncio
from typing import Any, AsyncIterator, Iterator, List, Optional, Sequence, Tuple

import httpx

from ._drive import NO_TLS_IN_URL, Header, TransportFailure, connect_timeout, final_failure
from ._driven import (
    AsyncDrivenClient,
    AsyncDrivenExport,
    AsyncTransport,
    BlockingDrivenClient,
    BlockingTransport,
    DrivenExport,
    within,
)
from ._native import Action

__all__ = ["AsyncClient", "AsyncDrivenExport", "Client", "DrivenExport"]


class Client(BlockingDrivenClient):
    """A blocking client over httpx, with the settings of `workiva_export.Client` except those of connections."""

    def __init__(self, http: httpx.Client, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._http = http

    def _transport(self) -> "_Transport":
        return _Transport(self._http)


class AsyncClient(AsyncDrivenClient):
    """A client for asyncio over httpx, with the settings of `workiva_export.AsyncClient` except those of
    connections."""

    def __init__(self, http: httpx.AsyncClient, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._http = http

    def _transport(self) -> "_AsyncTransport":
        return _AsyncTransport(self._http)


def _request(action: Action.Send, headers: List[Tuple[str, str]]) -> httpx.Request:
    """A request without the client, whose headers, cookies and credentials do not belong to it."""
    request = httpx.Request(
        action.method,
        action.url,
        headers=headers,
        content=action.body or None,
        extensions={"timeout": httpx.Timeout(action.timeout, connect=connect_timeout(action.timeout)).as_dict()},
    )
    return request


def _head(response: httpx.Response) -> Tuple[int, Sequence[Header]]:
    return response.status_code, list(response.headers.raw)


class _Transport(BlockingTransport):
    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._response: Optional[httpx.Response] = None
        self._chunks: Iterator[bytes] = iter(())

    def send(self, action: Action.Send, headers: List[Tuple[str, str]]) -> Tuple[int, Sequence[Header]]:
        self.close()
        try:
            response = self._http.send(
                _request(action, headers), stream=True, auth=_no_auth, follow_redirects=False
            )
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise _failure(error, action.url) from error
        self._response = response
        self._chunks = response.iter_raw()
        return _head(response)

    def read(self, timeout: float) -> bytes:
        try:
            return next(self._chunks, b"")
        except (httpx.HTTPError, OSError) as error:
            raise _broken(error) from error

    def close(self) -> None:
        response, self._response = self._response, None
        if response is not None:
            response.close()


class _AsyncTransport(AsyncTransport):
    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._response: Optional[httpx.Response] = None
        self._chunks: Optional[AsyncIterator[bytes]] = None

    async def send(
        self, action: Action.Send, headers: List[Tuple[str, str]]
    ) -> Tuple[int, Sequence[Header]]:
        await self.close()
        try:
            sent = self._http.send(
                _request(action, headers), stream=True, auth=_no_auth, follow_redirects=False
            )
            response = await within(action.timeout, sent)
        except asyncio.TimeoutError as error:
            raise TransportFailure("unanswered", "no response in time") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise _failure(error, action.url) from error
        self._response = response
        self._chunks = response.aiter_raw()
        return _head(response)

    async def read(self, timeout: float) -> bytes:
        if self._chunks is None:
            return b""
        try:
            return await within(timeout, _next_chunk(self._chunks))
        except asyncio.TimeoutError as error:
            raise TransportFailure("stalled", "no byte came in time") from error
        except (httpx.HTTPError, OSError) as error:
            raise _broken(error) from error

    async def close(self) -> None:
        response, self._response = self._response, None
        if response is not None:
            await response.aclose()


async def _next_chunk(chunks: AsyncIterator[bytes]) -> bytes:
    async for chunk in chunks:
        return chunk
    return b""


def _no_auth(request: httpx.Request) -> httpx.Request:
    """In place of the client's credentials, and of those in a .netrc file."""
    return request


def _failure(error: BaseException, url: str) -> TransportFailure:
    """What a failure proves."""
    final = final_failure(error)
    if final is not None:
        return final
    # What h11 says of a response whose first byte is a control character, such as that of a TLS alert.
    if str(error) == "illegal request line" and url.startswith("http:"):
        return TransportFailure("untrusted", NO_TLS_IN_URL)
    if isinstance(error, httpx.ProxyError) and " 4" in f" {error}":
        return TransportFailure("untrusted", error)
    connecting = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
    before = (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.ProxyError)
    if isinstance(error, connecting + before):
        return TransportFailure("not_sent", error)
    return TransportFailure("unanswered", error)


def _broken(error: BaseException) -> TransportFailure:
    kind = "stalled" if isinstance(error, httpx.TimeoutException) else "cut"
    return TransportFailure(kind, error)
