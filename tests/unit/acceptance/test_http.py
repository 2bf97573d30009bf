"""One exchange: its error holds neither the library's exceptions nor any secret."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests
import responses
import urllib3.exceptions

from pytest_prodstatus import Blocked
from tests.acceptance.support.errors import (
    Misconfigured,
    NetworkFault,
    TimedOut,
    Unavailable,
    access_assumed,
    access_judged,
)
from tests.acceptance.support.http import (
    MOST_BYTES,
    Bearer,
    Call,
    Form,
    NoAuth,
    Reply,
    Transport,
)
from tests.acceptance.support.secrets import Secret

CALL = Call(operation="op", verb="POST", path="/sync", form=Form(session="planted"), auth=NoAuth())


ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


def transport(base_url: str = "https://api.test", timeout: float = 2) -> Transport:
    """Return a transport to an address."""
    return Transport(provider="P", base_url=base_url, timeout=(timeout, timeout))


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    """Answer for every host; an address that isn't registered is refused."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.mark.parametrize(
    "address",
    [
        "http://api.paypal.test",
        "ftp://api.test",
        "api.test",
        "",
        "https://",
        "https://user:planted@api.test",
        "https://api.test?token=planted",
        "https://api.test:99999",
        "https://api..test",
    ],
)
def test_an_address_that_would_leak_or_fail_is_refused(address: str) -> None:
    """Only https, or http to this machine, with nothing secret within; it isn't repeated."""
    with pytest.raises(Misconfigured) as caught:
        transport(address)
    assert "planted" not in str(caught.value)


def test_a_redirect_is_not_followed(web: responses.RequestsMock) -> None:
    """A followed POST would carry the token elsewhere."""
    web.post("https://api.test/sync", status=307, headers={"Location": "https://evil.test/"})
    assert transport().exchange(CALL).status == 307
    assert len(web.calls) == 1


def test_a_token_from_netrc_is_never_sent(
    web: responses.RequestsMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ~/.netrc entry for the host doesn't replace the Authorization header."""
    file = tmp_path / "netrc"
    file.write_text("default login someone password else\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(file))
    web.get("https://api.test/x", json={})
    call = Call(operation="op", verb="GET", path="/x", auth=Bearer(Secret("token-1")))
    transport().exchange(call)
    assert web.calls[0].request.headers["Authorization"] == "Bearer token-1"
    web.post("https://api.test/sync", json={})
    transport().exchange(CALL)
    assert "Authorization" not in web.calls[1].request.headers


@pytest.mark.parametrize(
    ("error", "kind", "sent"),
    [
        (requests.exceptions.ConnectTimeout("planted"), TimedOut, False),
        (requests.exceptions.ReadTimeout("planted"), TimedOut, True),
        (
            requests.exceptions.ConnectionError(
                urllib3.exceptions.ReadTimeoutError(None, "/sync", "planted")  # type: ignore[arg-type]
            ),
            TimedOut,
            True,
        ),
        (requests.exceptions.ConnectionError("planted"), NetworkFault, True),
        (requests.exceptions.ChunkedEncodingError("planted"), NetworkFault, True),
        (requests.exceptions.InvalidURL("planted"), NetworkFault, True),
        (UnicodeDecodeError("utf-8", b"planted", 0, 1, "planted"), NetworkFault, True),
        (RecursionError("planted"), NetworkFault, True),
    ],
)
def test_the_library_s_exceptions_become_ours(
    web: responses.RequestsMock,
    error: Exception,
    kind: type[NetworkFault],
    sent: bool,
) -> None:
    """The kind shows whose fault it is, `sent` whether anything can have arrived; no text leaks.

    It holds for any exception: one that isn't foreseen may come after the request was sent.
    """
    web.post("https://api.test/sync", body=error)
    with pytest.raises(kind) as caught:
        transport().exchange(CALL)
    assert type(caught.value) is kind
    assert caught.value.sent is sent
    assert "planted" not in f"{caught.value!s} {caught.value!r}"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_refused_connection_sent_nothing() -> None:
    """Nobody listening is a network fault that provably had no effect."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        with pytest.raises(NetworkFault) as caught:
            transport(f"http://127.0.0.1:{taken.getsockname()[1]}").exchange(CALL)
    assert caught.value.sent is False
    assert not isinstance(caught.value, TimedOut)


def test_a_silent_server_times_out_after_the_request() -> None:
    """A read time-out leaves it open whether the request had an effect."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(TimedOut) as caught:
            transport(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.05).exchange(CALL)
    assert caught.value.sent is True


def test_a_body_that_is_cut_short_is_no_answer() -> None:
    """Fewer bytes than announced are a cut, never a shorter document."""
    short = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"
    with answering(short) as address, pytest.raises(NetworkFault) as caught:
        transport(address).exchange(CALL)
    assert caught.value.sent is True


def test_a_fresh_call_takes_a_new_connection() -> None:
    """A kept-alive connection, which may be dead by now, isn't used for what is sent once."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        accepted: list[socket.socket] = []

        def serve() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                accepted.append(connection)
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        once = transport(f"http://127.0.0.1:{server.getsockname()[1]}")
        assert once.exchange(CALL).content == b"{}"
        assert once.exchange(CALL, fresh=True).content == b"{}"
        thread.join(5)
        for connection in accepted:
            connection.close()
    assert len(accepted) == 2


def test_this_machine_is_called_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment isn't used for a loopback address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(NetworkFault) as caught:
            transport(f"http://127.0.0.1:{taken.getsockname()[1]}").exchange(CALL)
    assert "Proxy" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "socks5://127.0.0.1:9"),
        ("HTTPS_PROXY", "proxy:80:90"),
        ("HTTPS_PROXY", "http://user:planted[pw@host:1"),
        ("HTTPS_PROXY", "http://["),
        ("ALL_PROXY", "http://proxy:99999999"),
        ("REQUESTS_CA_BUNDLE", "/planted/nonexistent"),
    ],
)
def test_a_machine_that_can_send_nothing_says_so(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """A proxy or certificates that can't be used: nothing was sent, and it isn't the store's fault.

    It is so whether the criterion judges the access or not.
    """
    for other in ("HTTPS_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NO_PROXY"):
        monkeypatch.delenv(other, raising=False)
        monkeypatch.delenv(other.lower(), raising=False)
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match=name) as caught:
        transport("https://api.test").exchange(CALL)
    assert caught.value.http_status is None
    assert "planted" not in str(caught.value)
    for access in (access_judged, access_assumed):
        with pytest.raises(Blocked, match=name) as blocked, access():
            raise caught.value
        assert blocked.value.reason.kind.value == "missing-config"


def test_a_call_and_a_reply_show_neither_form_nor_body() -> None:
    """What pytest -l prints of them holds no secret."""
    reply = Reply(status=200, headers={"Set-Cookie": "planted"}, content=b"planted")
    call = Call(operation="o", verb="GET", path="/", auth=Bearer(Secret("planted")))
    assert "planted" not in f"{CALL!r} {CALL.form!r} {call!r} {reply!r}"


@pytest.mark.parametrize(
    "beginning", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"], ids=["head", "body"]
)
def test_an_answer_that_trickles_has_an_end(beginning: bytes) -> None:
    """No time-out between two bytes ends it; the call was sent, and the next one is another."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(beginning)
                while not stop.wait(0.05):
                    connection.sendall(b"H")

        thread = threading.Thread(target=trickle, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        patient = Transport(provider="P", base_url=address, timeout=(1, 1), total=0.4)
        started = time.monotonic()
        with pytest.raises(TimedOut) as caught:
            patient.exchange(CALL)
        assert time.monotonic() - started < 5
        assert caught.value.sent
        stop.set()
        thread.join(5)
    with pytest.raises(NetworkFault) as again:
        patient.exchange(CALL)
    assert not again.value.sent


@contextmanager
def answering(*parts: bytes, endless: bytes = b"") -> Iterator[str]:
    """Serve one answer of these parts, and then of the endless one until nobody reads it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.recv(65536)
                for part in parts:
                    connection.sendall(part)
                while endless:
                    connection.sendall(endless)
                # The form may come after the head; closing with it unread would cut the answer off.
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(5)
                while connection.recv(65536):
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    "location",
    [
        b"/login",
        b"https://evil.test/",
        b"https://proxy.test/connexi\xf3n",
        b"http://[",
        b"https://[sso]/login",
        b"http://proxy.test:99999999/",
    ],
)
def test_where_a_redirect_leads_is_not_read(location: bytes) -> None:
    """A sign-in page of the network may name an address that nothing can parse."""
    head = b"HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: %s\r\n\r\n" % location
    with answering(head + b"{}") as address:
        reply = transport(address).exchange(CALL)
    assert (reply.status, reply.content) == (302, b"{}")


REDIRECT = b"HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: /login\r\n"


@pytest.mark.parametrize("status", [200, 302, 500])
@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_that_is_too_long_is_not_read_to_its_end(packed: bool, status: int) -> None:
    """Neither one without end nor one of few bytes that become many takes more memory than that.

    It holds for every status, also of a redirect.
    """
    bomb = gzip.compress(bytes(30 * MOST_BYTES), 9) if packed else b""
    head = b"Content-Encoding: gzip\r\n\r\n" if packed else b"\r\n"
    first = REDIRECT if status == 302 else ANSWER.replace(b"200 OK", b"%d X" % status)
    tracemalloc.start()
    try:
        with (
            answering(first + head, bomb, endless=b"" if packed else b"x" * 65536) as address,
            pytest.raises(Unavailable, match="longer than 10,000,000 bytes") as caught,
        ):
            transport(address).exchange(CALL)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.http_status == status
    assert peak < 6 * MOST_BYTES


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd"])
def test_an_encoding_that_was_not_asked_for_is_not_decoded(encoding: str) -> None:
    """Several layers, or one that packs better, could become any size."""
    head = f"Content-Encoding: {encoding}\r\n\r\n".encode()
    with (
        answering(ANSWER + head + b"{}") as address,
        pytest.raises(Unavailable, match="Content-Encoding"),
    ):
        transport(address).exchange(CALL)


def test_a_packed_answer_is_read() -> None:
    """What was asked for is decoded."""
    packed = gzip.compress(b'{"a": 1}')
    with answering(ANSWER + b"Content-Encoding: gzip\r\n\r\n" + packed) as address:
        assert transport(address).exchange(CALL).content == b'{"a": 1}'


def test_an_exchange_may_be_given_less_time() -> None:
    """What is left of a budget bounds the answer, not only the wait for the next call."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(TimedOut) as caught:
            transport(address, timeout=20).exchange(CALL, within=0.1)
    assert caught.value.sent
    assert time.monotonic() - started < 10
