"""Exports over a `requests.Session` of your own.

    import requests
    from workiva_export.requests import Client

    client = Client(requests.Session(), "an-id", "a-secret")
    client.export_document("124efa2a142f").to_file("report.pdf")

Its proxies, certificates and adapters are used, and those of the environment; its headers, cookies and `auth` are not:
the state machine decides what a request has. Do not mount adapters that retry. `requests` bounds each read and not
the whole of a response, so that a response that trickles takes longer than its limit.
"""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple

import requests
import urllib3
from urllib3.util import SKIP_HEADER

from ._drive import CHUNK, Header, TransportFailure, chain, final_failure
from ._driven import BlockingDrivenClient, BlockingTransport, DrivenExport
from ._native import Action

__all__ = ["Client", "DrivenExport"]


class Client(BlockingDrivenClient):
    """A blocking client over `requests`, with the settings of `workiva_export.Client` except those of connections."""

    def __init__(self, session: requests.Session, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._session = session

    def _transport(self) -> "_Transport":
        return _Transport(self._session)


class _Transport(BlockingTransport):
    def __init__(self, session: requests.Session) -> None:
        self._session = session
        self._response: Optional[requests.Response] = None

    def send(self, action: Action.Send, headers: List[Tuple[str, str]]) -> Tuple[int, Sequence[Header]]:
        self.close()
        # Prepared without the session, whose headers, cookies and credentials do not belong to this request.
        request = requests.Request(action.method, action.url).prepare()
        request.url = action.url
        request.body = action.body or None
        request.headers.clear()
        request.headers.update(headers)
        if action.body:
            request.headers["content-length"] = str(len(action.body))
        # http.client would add what the service was not asked for.
        for name in ("accept-encoding", "user-agent"):
            if name not in request.headers:
                request.headers[name] = SKIP_HEADER
        adapter = self._session.get_adapter(action.url)
        if action.wants_fresh_connection:
            adapter.close()
        settings = self._session.merge_environment_settings(action.url, {}, True, None, None)
        verify, timeout = settings["verify"], (action.timeout, action.timeout)
        try:
            response = adapter.send(
                request,
                stream=True,
                timeout=timeout,
                verify=True if verify is None else verify,
                cert=settings["cert"],
                proxies=settings["proxies"],
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _failure(error) from error
        self._response = response
        _check_head(response)
        return response.status_code, list(response.raw.headers.iteritems())

    def read(self, timeout: float) -> bytes:
        response = self._response
        if response is None:
            return b""
        try:
            chunk: bytes = response.raw.read1(CHUNK, decode_content=False)
            return chunk
        except urllib3.exceptions.ReadTimeoutError as error:
            raise TransportFailure("stalled", error) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TransportFailure("cut", error) from error

    def close(self) -> None:
        response, self._response = self._response, None
        if response is not None:
            response.close()


def _check_head(response: requests.Response) -> None:
    """http.client takes the first line that is no header for the end of the head, and so the end of the connection."""
    head = getattr(response.raw, "_original_response", None)
    defects = getattr(getattr(head, "msg", None), "defects", [])
    if defects or not response.raw.headers:
        raise TransportFailure("unanswered", "the head of the response is invalid or was cut off")


def _failure(error: BaseException) -> TransportFailure:
    """What a failure proves: requests and urllib3 do not say whether the connection was open."""
    final = final_failure(error)
    if final is not None:
        return final
    causes = chain(error)
    text = causes[-1]
    if any("Tunnel connection failed: 4" in str(cause) for cause in causes):
        return TransportFailure("untrusted", text)
    if any(_was_connecting(cause) for cause in causes):
        return TransportFailure("not_sent", text)
    return TransportFailure("unanswered", text)


def _was_connecting(error: BaseException) -> bool:
    """Whether an error was raised before the connection was open, so that no byte of the request was sent."""
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_name == "connect" and "urllib3" in code.co_filename:
            return True
        trace = trace.tb_next
    return False
