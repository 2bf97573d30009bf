"""A network that meddles: it stands between a client and a simulator, and spoils one answer."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

_ORDER = b"aliexpress.ds.order.create"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    """What arrives in place of an answer: some bytes, after some seconds, and then perhaps no more.

    Attributes:
        content: the bytes.
        cut: whether the connection is closed behind them.
        reset: whether it is closed as by a firewall, with a reset.
        late: seconds until they leave.
    """

    content: bytes
    cut: bool = False
    reset: bool = False
    late: float = 0


Spoil = Callable[[bytes], Spoilt]


def body(content: bytes, status: str = "200 OK") -> Spoil:
    """Answer with a whole and sound HTTP message around any content."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    return lambda _: Spoilt(content=head + content)


class Meddler:
    """The network: answers to orders are spoilt, all others pass.

    Attributes:
        spoil: what becomes of the answer to an order; the supplier has acted by then.
        longest: the number of bytes of the longest such answer.
    """

    def __init__(self, supplier: str) -> None:
        self.supplier = urlsplit(supplier).netloc
        self.spoil: Spoil = lambda content: Spoilt(content=content)
        self.longest = 0

    def carry(self, head: bytes, content: bytes) -> Spoilt:
        """Hand a request on and return what arrives."""
        upstream = HTTPConnection(self.supplier, timeout=10)
        path = head.split(b" ", 2)[1].decode()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        upstream.request("POST", path, body=content, headers=form)
        answer = upstream.getresponse()
        told = answer.read()
        upstream.close()
        whole = f"HTTP/1.1 {answer.status} X\r\nContent-Length: {len(told)}\r\n\r\n".encode() + told
        if _ORDER not in content:
            return Spoilt(content=whole)
        self.longest = max(self.longest, len(whole))
        return self.spoil(whole)


@contextmanager
def meddled(supplier: str) -> Iterator[tuple[Meddler, str]]:
    """Put a meddling network before a supplier; yields it and the address to ask instead."""
    meddler = Meddler(supplier)

    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self) -> None:
            while head := _head(self.rfile.readline):
                length = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                )
                spoilt = meddler.carry(head, self.rfile.read(length))
                time.sleep(spoilt.late)
                try:
                    self.connection.sendall(spoilt.content)
                except OSError:
                    return  # nobody waits any more
                if spoilt.reset:
                    hard = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hard)
                if spoilt.cut or spoilt.reset:
                    self.connection.close()
                    return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: a client that went away is no news."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield meddler, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def _head(readline: Callable[[], bytes]) -> bytes:
    lines = []
    while (line := readline()) not in (b"", b"\r\n"):
        lines.append(line)
    return b"".join(lines)
