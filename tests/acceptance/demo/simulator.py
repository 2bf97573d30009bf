"""The base of both provider simulators: HTTP on loopback, faults, and the state that is served.

A simulator shares no code with the clients, so that a mistake of theirs can't hide here.
"""

from __future__ import annotations

import itertools
import json
import socket
import socketserver
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl, urlsplit


@dataclass(slots=True, kw_only=True)
class Faults:
    """What is wrong with a provider; may be changed while it runs.

    Attributes:
        down: answer everything with 503.
        fail_next: answer that many requests with 500, without acting on them.
        rate_limit_next: refuse that many requests as too many, without acting on them.
        rate_limit_s: the seconds to wait that such a refusal names.
        reject_token: accept no access token.
        slow_s: act, then wait that many seconds before each answer.
        garbage: act, then answer with something that isn't JSON.
        garbage_next: the same, for that many requests.
        cut_next: act, then close the connection without an answer, that many times.
    """

    down: bool = False
    fail_next: int = 0
    rate_limit_next: int = 0
    rate_limit_s: float = 1
    reject_token: bool = False
    slow_s: float = 0
    garbage: bool = False
    garbage_next: int = 0
    cut_next: int = 0

    def take(self, name: str) -> bool:
        """Return whether a fault that is counted is due, and count it down."""
        left: int = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
        return left > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, as it was received."""

    verb: str
    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer: a status, a JSON body and more headers."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


Reply = Callable[[Request], "tuple[int, bytes, Mapping[str, str]] | None"]


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(slots=True, kw_only=True)
class SimulatorState:
    """What every simulator knows.

    Attributes:
        clock: returns the time, aware and in UTC.
        faults: what is wrong with the provider.
        requests: how many requests reached each kind of call, refused ones too.
    """

    clock: Callable[[], datetime] = _utc_now
    faults: Faults = field(default_factory=Faults)
    requests: Counter[str] = field(default_factory=Counter)


State = TypeVar("State", bound=SimulatorState)


class Simulator(ABC, Generic[State]):
    """Serves one provider on 127.0.0.1 from threads of its own.

    Args:
        state: what the provider knows; it may be read and changed while the simulator runs.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server: _Server | None = None

    @abstractmethod
    def _handle(self, request: Request) -> Answer:
        """Answer a request; called by one thread at a time."""

    @abstractmethod
    def _rate_limited(self, seconds: float) -> Answer:
        """Return the provider's "too many requests", with the seconds to wait."""

    @abstractmethod
    def _broken(self, status: int) -> Answer:
        """Return the provider's answer of status 5xx."""

    def start(self) -> str:
        """Begin to serve, on a port that the system chooses, and return the base address."""
        self._stopping.clear()
        server = self._server = _Server(self.reply)
        # The poll interval bounds how long stop() takes.
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    def stop(self) -> None:
        """Stop serving and drop every connection; harmless when not serving."""
        server, self._server = self._server, None
        if server is None:
            return
        self._stopping.set()
        server.shutdown()
        server.server_close()
        server.drop_connections()

    def reply(self, request: Request) -> tuple[int, bytes, Mapping[str, str]] | None:
        """Return the status, body and headers of an answer; None to cut the connection."""
        with self._lock:
            response, cut, garbled = self._act(request)
            slow_s = self.state.faults.slow_s
        if slow_s:
            self._stopping.wait(slow_s)
        if cut:
            return None
        body = b"<html>\xff not JSON" if garbled else json.dumps(response.body).encode()
        return response.status, body, response.headers

    def _act(self, request: Request) -> tuple[Answer, bool, bool]:
        faults = self.state.faults
        if faults.down:
            return self._broken(503), False, False
        if faults.take("fail_next"):
            return self._broken(500), False, False
        if faults.take("rate_limit_next"):
            return self._rate_limited(faults.rate_limit_s), False, False
        response = self._handle(request)
        if faults.take("cut_next"):
            return response, True, False
        return response, False, faults.take("garbage_next") or faults.garbage


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        # HTTPServer would look its own name up, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def close_request(self, request: Any) -> None:
        self._open.discard(request)
        super().close_request(request)

    def drop_connections(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: a client that closed the connection is not an error."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write an answer: two small ones wait for each other on loopback
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: requests carry tokens."""

    def _respond(self) -> None:
        parts = urlsplit(self.path)
        length = self.headers.get("Content-Length", "0")
        content = self.rfile.read(int(length) if length.isdecimal() else 0)
        request = Request(
            verb=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            form=dict(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
        )
        response = self.server.reply(request)
        if response is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, body, headers = response
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
