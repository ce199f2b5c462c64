"""Exports over an `aiohttp.ClientSession` of your own.

    import aiohttp
    from workiva_export.aiohttp import AsyncClient

    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False) as session:
        client = AsyncClient(session, "an-id", "a-secret")
        await client.export_document("124efa2a142f").to_file("report.pdf")

Give it a session for this purpose alone, which must not decompress, keep cookies, or have headers or credentials of its own: the state machine decides
what a request has. Its connector is used, with its proxies and certificates.
"""

from __future__ import annotations

import asyncio
from typing import Any, List, Optional, Sequence, Tuple

import aiohttp
import yarl

from ._drive import CHUNK, Header, TransportFailure, connect_timeout, final_failure
from ._driven import AsyncDrivenClient, AsyncDrivenExport, AsyncTransport, within
from ._native import Action

__all__ = ["AsyncClient", "AsyncDrivenExport"]


LONGEST_HEAD = 64 * 1024


class AsyncClient(AsyncDrivenClient):
    """A client for asyncio over aiohttp, with the settings of `workiva_export.AsyncClient` except those of
    connections."""

    def __init__(self, session: aiohttp.ClientSession, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        if session.auto_decompress:
            raise ValueError("the session decompresses: create it with auto_decompress=False")
        if not isinstance(session.cookie_jar, aiohttp.DummyCookieJar):
            raise ValueError(
                "the session keeps cookies: create it with cookie_jar=aiohttp.DummyCookieJar()"
            )
        if session.headers or session.auth is not None:
            raise ValueError("the session has headers or credentials: pass headers to this client instead")
        # It repeats a request by itself where a connection was closed, and the machine would not know.
        session._retry_connection = False
        self._session = session

    def _transport(self) -> "_Transport":
        return _Transport(self._session)


class _Transport(AsyncTransport):
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._response: Optional[aiohttp.ClientResponse] = None

    async def send(
        self, action: Action.Send, headers: List[Tuple[str, str]]
    ) -> Tuple[int, Sequence[Header]]:
        await self.close()
        # Without these, aiohttp adds headers of its own, and a content type.
        skip = ["accept", "accept-encoding", "user-agent", "content-type"]
        try:
            sent = self._session.request(
                action.method,
                yarl.URL(action.url, encoded=True),
                headers=headers,
                data=action.body or None,
                skip_auto_headers=skip,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout(action.timeout)),
                max_line_size=LONGEST_HEAD,
                max_field_size=LONGEST_HEAD,
            )
            response = await within(action.timeout, sent)
        except asyncio.TimeoutError as error:
            connecting = isinstance(error, aiohttp.ConnectionTimeoutError)
            kind = "not_sent" if connecting else "unanswered"
            raise TransportFailure(kind, "no response in time") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _failure(error) from error
        self._response = response
        # Of each line, but not of the head, aiohttp bounds the length.
        if sum(len(name) + len(value) for name, value in response.raw_headers) > LONGEST_HEAD:
            raise TransportFailure("too_long", f"more than {LONGEST_HEAD} bytes")
        return response.status, list(response.raw_headers)

    async def read(self, timeout: float) -> bytes:
        if self._response is None:
            return b""
        try:
            return await within(timeout, self._response.content.read(CHUNK))
        except asyncio.TimeoutError as error:
            raise TransportFailure("stalled", "no byte came in time") from error
        except (aiohttp.ClientError, OSError) as error:
            rest = _rest(self._response.content)
            if rest:
                return rest
            raise TransportFailure("cut", error) from error

    async def close(self) -> None:
        response, self._response = self._response, None
        if response is None:
            return
        if response.content.at_eof():
            response.release()
        else:
            response.close()


def _rest(content: aiohttp.StreamReader) -> bytes:
    """What came before a body broke off, which aiohttp keeps and does not return: the download continues behind it."""
    read = getattr(content, "_read_nowait", None)
    rest: bytes = b"" if read is None else read(-1)
    return rest


def _failure(error: BaseException) -> TransportFailure:
    """What a failure proves."""
    final = final_failure(error)
    if final is not None:
        return final
    if isinstance(error, aiohttp.ClientHttpProxyError):
        refuses = error.status in range(400, 500)
        return TransportFailure("untrusted" if refuses else "not_sent", error)
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.InvalidURL)):
        return TransportFailure("not_sent", error)
    return TransportFailure("unanswered", error)
