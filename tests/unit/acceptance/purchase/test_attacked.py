"""The network, the supplier and the clock at their worst: at most one order, and a true journal.

Everyday a sample of each attack, all of it with PRODSTATUS_SWEEP=1.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pytest_prodstatus import Blocked
from pytest_prodstatus.journal import Journal, State
from tests.unit.acceptance.providers import Clock, aliexpress_client
from tests.unit.acceptance.purchases import Bench

pytestmark = pytest.mark.slow  # hundreds of orders, each over the network of this machine

_SWEEP = os.environ.get("PRODSTATUS_SWEEP") == "1"
_TRIALS = 200 if _SWEEP else 12
_ORDER = b"aliexpress.ds.order.create"
_KEY = "aliexpress_ds_order_create_response"


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
        response = upstream.getresponse()
        body = response.read()
        upstream.close()
        raw = f"HTTP/1.1 {response.status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        if _ORDER not in content:
            return Spoilt(content=raw)
        self.longest = max(self.longest, len(raw))
        return self.spoil(raw)


@contextmanager
def meddled(supplier: str) -> Iterator[tuple[Meddler, str]]:
    """Put a meddling network before a supplier; yield it and the address to call instead."""
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
                    return  # the client has gone
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
            """Print nothing: a client that closed the connection is not an error."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield meddler, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def _head(readline: Callable[[], bytes]) -> bytes:
    lines = []
    while (line := readline()) not in (b"", b"\r\n"):
        lines.append(line)
    return b"".join(lines)


class Attack:
    """A purchase through a network that meddles."""

    def __init__(
        self, bench: Bench, meddler: Meddler, url: str, folder: Path, empty_journal: Path
    ) -> None:
        self.bench, self.meddler, self.url, self.folder = bench, meddler, url, folder
        self.empty_journal = empty_journal

    def order(self, spoil: Spoil, *, timeout: float = 5.0) -> str:
        """Order something in a shop of its own; return the state in the journal after it.

        With any outcome, the supplier made one order, and a second try makes no other.
        """
        self.bench.state.orders.clear()
        self.bench.state.created.clear()
        file = shutil.copy(self.empty_journal, self.folder / os.urandom(8).hex())
        self.bench.journal_url = f"sqlite:///{file}"
        self.meddler.spoil = spoil
        client = aliexpress_client(self.url, clock=self.bench.clock, timeout=(timeout, timeout))
        with self.bench.journal() as journal:
            with contextlib.suppress(Blocked):
                self.bench.purchase(journal, client).place()
                # A kept connection has nothing left on it of the answer to the order.
                assert client.order(journal.actions()[0].receipts[0]) is not None
            (first,) = journal.actions()
            again = self.bench.purchase(journal, client)
            if first.state is State.CONFIRMED:
                assert again.place() == first
            else:
                with pytest.raises(Blocked) as second:
                    again.place()
                assert second.value.reason.kind.value == "unresolved-intent"
            (action,) = journal.actions()
            state = str(action.state)
        client.close()
        assert self.bench.ordered == 1
        return state


@pytest.fixture
def attack(bench: Bench, tmp_path: Path, empty_journal: Path) -> Iterator[Attack]:
    """A purchase that would go through, but for the network."""
    with meddled(bench.url) as (meddler, url):
        yield Attack(bench, meddler, url, tmp_path, empty_journal)


def _up_to(length: int, *, reset: bool) -> Spoil:
    return lambda content: Spoilt(content=content[:length], cut=True, reset=reset)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_cut_at_any_byte_of_the_answer_is_unknown(attack: Attack, reset: bool) -> None:
    """Only the whole answer confirms; nothing is ordered again."""
    assert attack.order(lambda content: Spoilt(content=content)) == "CONFIRMED"
    raw = attack.meddler.longest
    assert raw > 150
    # Every day one length in nine, by turns closed and reset; nothing and all but one byte by both.
    lengths = range(raw) if _SWEEP else (0, *range(9 * reset, raw, 18), raw - 1)
    states = {length: attack.order(_up_to(length, reset=reset)) for length in lengths}
    assert set(states.values()) == {"UNKNOWN"}, states


def _result(**result: object) -> bytes:
    return json.dumps({_KEY: {"result": result, "request_id": "r"}}).encode()


def _ids(*numbers: object) -> bytes:
    return _result(is_success=True, order_list={"number": numbers})


_GARBAGE = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "an empty object": b"{}",
    "a page": b"<html>your order is on its way</html>",
    "no utf-8": b"\xff\xfe\x00",
    "half of it": _ids(8198352049851315)[:-20],
    "twice in one": _ids(8198352049851315) * 2,
    "too deep": b"[" * 100_000,
    "not a number": _ids(0).replace(b"[0]", b"[NaN]"),
    "no result": json.dumps({_KEY: {}}).encode(),
    "no list": _result(is_success=True),
    "no ids": _ids(),
    "zero": _ids(0),
    "zeros": _ids("0000000000000000"),
    "zeros before an order's id": _ids("08198352049851315"),
    "less than zero": _ids(-8198),
    "a fraction": _ids(81.98),
    "words": _ids("on its way"),
    "other digits": _ids("٣٤٥٦٧٨"),
    "an id without end": _ids("9" * 5_000),
    "a failure with an order": _result(is_success=False, order_list={"number": [8198]}),
    "a bad code with an order": json.dumps(
        {_KEY: {"result": {"order_list": {"number": [8198]}}, "rsp_code": "SKU_NOT_EXIST"}}
    ).encode(),
    "a failure beside an order": json.dumps(
        {
            _KEY: {
                "result": {"is_success": False, "error_code": "SKU_NOT_EXIST"},
                "order_list": {"number": [8198]},
            }
        }
    ).encode(),
    "a failure with an order's id": _result(
        is_success=False, error_code="SKU_NOT_EXIST", order_id="8198"
    ),
    "a failure with an order's data": _result(
        is_success=False,
        error_code="SKU_NOT_EXIST",
        data={"orders": [{"orderId": 8198352049851315}]},
    ),
    "a failure with an order in words": _result(
        is_success=False, error_code="SKU_NOT_EXIST", error_msg="see order 8198352049851315"
    ),
    "a gateway's refusal with an order": json.dumps(
        {"error_response": {"code": "InvalidParameter", "msg": "no", "trade_ids": ["8198"]}}
    ).encode(),
    "a gateway's refusal beside an order": json.dumps(
        {
            "error_response": {"code": "InvalidParameter", "msg": "no"},
            "result": {"order_list": {"number": [8198]}},
        }
    ).encode(),
    "a success, and a failure by the same name": b'{"%s":%s,"%s":%s}'
    % (
        _KEY.encode(),
        b'{"result":{"is_success":true,"order_list":{"number":[8198]}}}',
        _KEY.encode(),
        b'{"result":{"is_success":false,"error_code":"SKU_NOT_EXIST"}}',
    ),
    "a failure as a number": _result(is_success=0, error_code="SKU_NOT_EXIST"),
    "a failure and a success": _result(is_success=False, success=True, error_code="SKU_NOT_EXIST"),
    "a wordless refusal": _result(is_success=False),
    "a refusal with a message": _result(is_success=False, error_msg="Please enter a City"),
    "an unlisted refusal": _result(is_success=False, error_code="A001_ORDER_CANNOT_BE_PLACED"),
    "an unlisted refusal as ours": _result(is_success=False, error_code="isv.order-refused"),
    "a gateway's unlisted refusal": json.dumps({"type": "ISV", "code": "Refused"}).encode(),
    "a gateway's number": json.dumps({"error_response": {"code": 41, "msg": "no"}}).encode(),
    "a refusal and an order": json.dumps(
        {"error_response": {"code": "InvalidSignature"}} | json.loads(_ids(8198352049851315))
    ).encode(),
    "another method's answer": json.dumps({"aliexpress_ds_feedname_get_response": {}}).encode(),
}


@pytest.mark.parametrize("content", _GARBAGE.values(), ids=_GARBAGE)
def test_garbage_proves_neither_an_order_nor_none(attack: Attack, content: bytes) -> None:
    """The supplier has made it and its answer is odd: it is UNKNOWN."""
    assert attack.order(body(content)) == "UNKNOWN"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 408])
def test_a_status_of_no_answer_is_unknown(attack: Attack, status: int) -> None:
    """A proxy's time-out doesn't undo an order, with any text in its body."""
    assert attack.order(body(_ids(8198352049851315), f"{status} X")) == "UNKNOWN"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
def test_a_status_without_a_listed_code_is_unknown(attack: Attack, status: int) -> None:
    """A page of a proxy, in words that refuse: only the supplier's own code proves a refusal."""
    assert attack.order(body(b"<html>denied</html>", f"{status} X")) == "UNKNOWN"


def test_an_answer_that_comes_too_late_is_unknown(attack: Attack) -> None:
    """It was sent, and no one waited for it."""

    def late(content: bytes) -> Spoilt:
        return Spoilt(content=content, late=1)

    assert attack.order(late, timeout=0.5) == "UNKNOWN"


def test_an_answer_that_comes_twice_is_read_once(attack: Attack) -> None:
    """The second copy isn't taken for the answer to the next call."""
    assert attack.order(lambda content: Spoilt(content=content * 2)) == "CONFIRMED"


def test_an_answer_about_an_earlier_order_is_unknown(bench: Bench) -> None:
    """An answer about an earlier order proves nothing about the new one."""
    first = bench.place()
    bench.clock.now += timedelta(days=40)
    with meddled(bench.url) as (meddler, url), bench.journal() as journal:
        meddler.spoil = body(_ids(int(first.receipts[0])))
        client = aliexpress_client(url, clock=bench.clock)
        with pytest.raises(Blocked, match="was placed before"):
            bench.purchase(journal, client).place()
        client.close()
        assert [str(action.state) for action in journal.actions()] == ["UNKNOWN", "CONFIRMED"]


class Jumping:
    """A clock that is set now and then, between two readings."""

    def __init__(self, clock: Clock, chance: random.Random) -> None:
        self.clock, self.chance = clock, chance

    def __call__(self) -> datetime:
        if self.chance.random() < 0.15:
            span = self.chance.choice((1, 3_600, 86_400, 86_400 * 40, 86_400 * 400))
            self.clock.now += timedelta(seconds=self.chance.uniform(-span, span))
        return self.clock.now


@pytest.mark.parametrize("trial", range(_TRIALS))
def test_clocks_that_jump_make_no_second_order(bench: Bench, trial: int) -> None:
    """Whenever it jumps: one order a day, none back in time, and none after an open end."""
    chance = random.Random(trial)
    clock = Jumping(bench.clock, chance)
    with (
        meddled(bench.url) as (meddler, url),
        Journal.open(bench.journal_url, clock=clock) as journal,
    ):
        for _ in range(8):
            bench.clock.now += timedelta(hours=chance.uniform(0, 40))
            meddler.spoil = _up_to(0 if chance.random() < 0.1 else 10_000, reset=False)
            was_open = any(not action.settled for action in journal.actions())
            before = bench.ordered
            client = aliexpress_client(url, clock=bench.clock)
            with contextlib.suppress(Blocked):
                # None is found at the claim, so that the day alone prevents the second.
                never = timedelta(days=-1_000)
                replace(bench.purchase(journal, client), clock=clock, valid_for=never).place()
            client.close()
            assert bench.ordered - before <= (not was_open)
        actions = journal.actions()
    assert set(bench.state.created.values()) <= {1}
    sent = [action for action in actions if any(e.state is State.SENT for e in action.events)]
    assert bench.ordered == len(sent)
    # Newest first: no order is of a day that an earlier one had, or that lies before it.
    days = [action.key.name for action in sent]
    assert days == sorted(set(days), reverse=True)
