"""Runs the application with uvicorn, so that no slow client can hold the others up.

uvicorn limits neither how long a request may take to arrive nor how long its answer may be read.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE_S = 20.0
"""How long a client may take for one request, from its first byte to the last of the answer."""

MOST_CONNECTIONS = 500
"""Beyond it the answer is 503, as for a closed gate."""

_IDLE_S = 5
_HEADERS_LIMIT = 2**14


class ImpatientProtocol(H11Protocol):
    """Cuts a connection on which a request takes too long; uvicorn would wait for ever."""

    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first answer."""
        super().connection_made(transport)
        self._wait()

    def on_response_complete(self) -> None:
        """Begin to wait for the next answer; an idle connection is closed earlier."""
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the time limit of a connection that has ended."""
        if self._limit is not None:
            self._limit.cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        """Begin the time limit of a connection anew."""
        if self._limit is not None:
            self._limit.cancel()
        # Aborted, not closed: closing waits until the client has read what is buffered.
        self._limit = self.loop.call_later(PATIENCE_S, self.transport.abort)


def run(app: ASGIApp, listener: socket.socket) -> None:
    """Serve an application until a signal ends it.

    Args:
        app: the application.
        listener: the socket, which is bound.
    """
    options: dict[str, Any] = {
        # On h11, in pure Python: it is always installed with uvicorn, unlike httptools.
        "http": ImpatientProtocol,
        "ws": "none",
        "lifespan": "off",
        "loop": "asyncio",
        "log_level": "error",
        "access_log": False,
        "server_header": False,
        # Nothing here depends on the client's address, so no header is believed about it.
        "proxy_headers": False,
        "limit_concurrency": MOST_CONNECTIONS,
        "timeout_keep_alive": _IDLE_S,
        "timeout_graceful_shutdown": _IDLE_S,
        "h11_max_incomplete_event_size": _HEADERS_LIMIT,
    }
    for name in (signal.SIGINT, signal.SIGTERM):
        # uvicorn ends in order, and then raises the signal again for the handler of before.
        signal.signal(name, lambda *_: sys.exit(0))
    uvicorn.Server(uvicorn.Config(app, **options)).run(sockets=[listener])
