"""The settings that all clients share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional, Sequence, Tuple, Union, cast

from . import _native

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

StrPath = Union[str, "os.PathLike[str]"]
Seconds = Union[float, "timedelta"]
Token = Union[str, Callable[[], Union[str, Tuple[str, float]]]]


def seconds(time: Seconds) -> float:
    return time if isinstance(time, (int, float)) else time.total_seconds()


def as_path(path: StrPath) -> Path:
    # Imported late, as all that `import workiva_export` does not need.
    from pathlib import Path

    return Path(path)


def native_settings(
    client_id: Optional[str],
    client_secret: Optional[str],
    token: Optional[Token],
    region: Optional[str],
    base_url: Optional[str],
    api_version: str,
    checkpoints: Optional[StrPath],
    timeout: Optional[Seconds],
    limits: Optional[Mapping[str, Union[Seconds, int]]],
    options: Mapping[str, Any],
) -> _native.Settings:
    if token is None:
        client_id = client_id or os.environ.get("WORKIVA_CLIENT_ID")
        client_secret = client_secret or os.environ.get("WORKIVA_CLIENT_SECRET")
        if client_id is None and client_secret is None:
            token = os.environ.get("WORKIVA_TOKEN")
    if token is None and not (client_id and client_secret):
        raise ValueError(
            "no credentials: pass client_id and client_secret, or set WORKIVA_CLIENT_ID and WORKIVA_CLIENT_SECRET"
        )
    all_limits: Dict[str, Any] = {name: seconds(value) for name, value in (limits or {}).items()}
    if timeout is not None:
        all_limits["job_timeout"] = seconds(timeout)
    folder = None
    if checkpoints is not None:
        folder = as_path(checkpoints).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
    # Clients that failed together must not retry together.
    others: Dict[str, Any] = {"jitter": int.from_bytes(os.urandom(8), "big"), **options}
    pace_store = others.get("pace_store")
    if isinstance(pace_store, (str, os.PathLike)):
        file = as_path(cast(StrPath, pace_store)).expanduser()
        file.parent.mkdir(parents=True, exist_ok=True)
        others["pace_store"] = file
    return _native.Settings(
        client_id=client_id,
        client_secret=client_secret,
        token=token,
        region=region,
        base_url=base_url,
        api_version=api_version,
        checkpoints=folder,
        limits=all_limits,
        **others,
    )


def ca_bundle(path: Optional[StrPath]) -> Optional[Path]:
    """The bundle of certificate authorities: as an argument, or in the variables that `wexport` reads."""
    found = path or os.environ.get("WEXPORT_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    return as_path(found).expanduser() if found else None


def header_list(headers: Optional[Mapping[str, str]]) -> Sequence[Tuple[str, str]]:
    return list((headers or {}).items())
