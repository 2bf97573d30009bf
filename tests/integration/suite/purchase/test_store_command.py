"""The operators' command: run once, and believed only for a new report, which is read strictly."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pytest_prodstatus import Blocked
from pytest_prodstatus.journal import State
from tests.acceptance.support.purchase.journal import order_price
from tests.acceptance.support.purchase.store_command import (
    StoreCommand,
    read_report,
    token_conditions,
)
from tests.acceptance.support.secrets import Secret
from tests.unit.acceptance.purchase.test_money import read
from tests.unit.acceptance.purchases import Bench

# What a purchase script may do, by its first argument. It counts its runs in a file.
_SUCCESS = "PLACEORDER_EXECUTION_STATUS: SUCCESS\nALIEXPRESS_ORDER_ID: 8198352049851315\n"
_SCRIPT = """
import os, pathlib, signal, subprocess, sys, time
does, rest = sys.argv[1], sys.argv[2:]
with open("runs", "a") as runs:
    runs.write(f"{os.getpid()}\\n")
def report(status, order_id, details="done"):
    pathlib.Path("report.md").write_text(
        f"PLACEORDER_EXECUTION_STATUS: {status}\\nALIEXPRESS_ORDER_ID: {order_id}\\n"
        f"Details: {details}\\n")
if does == "report":
    report(*rest[1:])
    sys.exit(int(rest[0]))
elif does == "print":
    print(rest[0])
elif does == "environment":
    report("SKIPPED", "N/A", " ".join(os.environ.get(name, "-") for name in rest))
elif does == "sleep":
    report("SUCCESS", "8198352049851315")
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pathlib.Path("child").write_text(str(child.pid))
    time.sleep(600)
elif does == "die":
    report(*rest)
    os.kill(os.getpid(), signal.SIGKILL)
elif does == "flood":
    report("SUCCESS", "8198352049851315")
    for _ in range(64):
        os.write(1, b"x" * 1_048_576)
elif does == "heavy":
    pathlib.Path("report.md").write_text("x" * 70_000)
elif does == "leave":
    report("SUCCESS", "8198352049851315")
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3)"])
"""


class Backend:
    """The folder in which the command runs."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench = bench
        self.folder = folder
        (folder / "buy.py").write_text(_SCRIPT, encoding="utf-8")
        bench.variables |= {
            "PRODSTATUS_PURCHASE_FOLDER": str(folder),
            "PRODSTATUS_PURCHASE_REPORT": "report.md",
        }

    def does(self, *arguments: str) -> None:
        """Configure what the command does."""
        words = [sys.executable, "-S", "buy.py", *arguments]
        line = " ".join(f"'{word}'" for word in words)
        self.bench.variables["PRODSTATUS_PURCHASE_COMMAND"] = line

    @property
    def runs(self) -> int:
        """How often it was run."""
        path = self.folder / "runs"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def states(self) -> list[str]:
        """Return the state of each action in the journal, newest first."""
        with self.bench.journal() as journal:
            return [str(action.state) for action in journal.actions()]


@pytest.fixture
def backend(bench: Bench, tmp_path: Path) -> Iterator[Backend]:
    """A backend folder of the bench's store; what is left running in it is ended."""
    folder = tmp_path / "backend"
    folder.mkdir()
    yield Backend(bench, folder)
    child = folder / "child"
    if child.exists():
        assert not _alive(int(child.read_text()))


def _alive(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat")
            if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
                return False  # killed, and not yet reaped
        except (ProcessLookupError, FileNotFoundError):
            return False
        time.sleep(0.02)
    return True


def test_a_success_with_an_id_is_the_order(backend: Backend) -> None:
    """It is preferred to our client, named in the journal, and our client orders nothing."""
    backend.does("report", "0", "SUCCESS", "8198352049851315")
    action = backend.bench.place()
    assert action.state is State.CONFIRMED
    assert action.details["route"] == "store"
    assert action.receipts == ("8198352049851315",)
    assert (backend.runs, backend.bench.ordered) == (1, 0)
    assert backend.bench.state.requests["aliexpress.ds.product.get"] == 1


def test_what_it_paid_is_compared_with_what_was_quoted(backend: Backend) -> None:
    """It chooses delivery and payment itself, so that its order is read back like any other."""
    backend.does("report", "0", "SUCCESS", "8198352049851315")
    action = backend.bench.place()
    now = backend.bench.clock()
    backend.bench.state.add_order("8198352049851315", "240.00", "WAIT_SELLER_SEND_GOODS", now)
    words = read(backend.bench, action).overcharge(order_price(action))
    assert "took 240.00 USD for order 8198352049851315, quoted at 14.49 USD" in words
    assert "capped at 25.00 USD" in words


@pytest.mark.parametrize("containers", [3])
def test_it_isn_t_run_without_a_journal_that_lasts(backend: Backend, containers: int) -> None:
    """Without a journal that lasts the command isn't run, or each container would buy."""
    backend.does("report", "0", "SUCCESS", "8198352049851315")
    del backend.bench.variables["PRODSTATUS_STATE_URL"]
    for number in range(containers):
        backend.bench.journal_url += str(number)
        kind, reason = backend.bench.blocked()
        assert (kind, "PRODSTATUS_STATE_URL is not set" in reason) == ("not-armed", True)
    assert backend.runs == 0


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (("report", "1", "SUCCESS", "8198"), "exit 1, reports SUCCESS"),
        (("report", "0", "SUCCESS", "N/A"), "order id None"),
        (("report", "0", "FAILED", "N/A"), "reports FAILED"),
        (("report", "0", "FAILED", "8198"), "order id 8198"),
        (("report", "0", "SUCCESS", "08198352049851315"), "no new report"),
        (("report", "0", "SKIPPED", "8198"), "reports SKIPPED"),
        (("report", "0", "DONE", "8198"), "no new report"),
        (("print", "all is well"), "no new report all is well"),
        (("heavy",), "no new report"),
        (("die", "SUCCESS", "8198"), "killed by signal 9, reports SUCCESS"),
        (("die", "SKIPPED", "N/A"), "killed by signal 9, reports SKIPPED"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_what_proves_nothing_is_unknown_and_is_never_run_again(
    backend: Backend, arguments: tuple[str, ...], fragment: str
) -> None:
    """A failure of the command proves nothing about the order: it would post again."""
    backend.does(*arguments)
    kind, reason = backend.bench.blocked()
    assert (kind, fragment in reason) == ("unresolved-intent", True), reason
    backend.does("report", "0", "SUCCESS", "8198352049851315")
    for hours in (0, 24):
        backend.bench.clock.now += timedelta(hours=hours)
        assert backend.bench.blocked()[0] == "unresolved-intent"
    assert (backend.runs, backend.states()) == (1, ["UNKNOWN"])


@pytest.mark.parametrize("status", ["0", "1"])
def test_what_it_skipped_was_not_ordered(backend: Backend, status: str) -> None:
    """Its report says that it skipped: the day is free again."""
    backend.does("report", status, "SKIPPED", "N/A", "no OAuth credential")
    kind, reason = backend.bench.blocked()
    assert (kind, "it skipped the purchase: no OAuth credential" in reason) == ("not-armed", True)
    backend.does("report", "0", "SUCCESS", "8198352049851315")
    assert backend.bench.place().attempt == 2
    assert backend.states() == ["CONFIRMED", "REJECTED"]


def test_a_report_of_an_earlier_run_proves_nothing(backend: Backend) -> None:
    """A report from before the run proves nothing."""
    report = backend.folder / "report.md"
    report.write_text("PLACEORDER_EXECUTION_STATUS: SUCCESS\nALIEXPRESS_ORDER_ID: 8198\n")
    backend.does("print", "nothing was written")
    assert "no new report" in backend.bench.blocked()[1]
    assert backend.states() == ["UNKNOWN"]


def test_an_order_that_is_known_is_not_a_new_one(backend: Backend) -> None:
    """A new report with the id of an earlier order proves that order, not this one."""
    backend.does("report", "0", "SUCCESS", "8198352049851315")
    backend.bench.place()
    backend.bench.clock.now += timedelta(days=40)
    kind, reason = backend.bench.blocked()
    assert (kind, "placed before (8198352049851315)" in reason) == ("unresolved-intent", True)
    assert (backend.runs, backend.states()) == (2, ["UNKNOWN", "CONFIRMED"])


def test_a_command_that_takes_too_long_is_ended_with_all_its_processes(backend: Backend) -> None:
    """Its report of success doesn't count: it is not known what it was about to do."""
    backend.does("sleep")
    backend.bench.variables["PRODSTATUS_PURCHASE_TIMEOUT"] = "2s"
    kind, reason = backend.bench.blocked()
    assert (kind, "ended at its time limit" in reason) == ("unresolved-intent", True)
    assert not _alive(int((backend.folder / "child").read_text()))
    assert backend.states() == ["UNKNOWN"]


@pytest.mark.parametrize("does", ["flood", "leave"])
def test_its_output_holds_nobody_up(backend: Backend, does: str) -> None:
    """Megabytes are read and forgotten, and a process that it leaves behind isn't waited for."""
    backend.does(does)
    assert str(backend.bench.place().state) == "CONFIRMED"


def test_it_gets_what_was_judged(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user, the product and the variant that were judged, not those of its own environment."""
    monkeypatch.setenv("TEST_PRODUCT_URL", "https://www.aliexpress.com/item/1.html")
    monkeypatch.setenv("TEST_PRODUCT_SKU", "another")
    monkeypatch.setenv("STORE_SETTING", "of-the-store")
    names = ("TEST_PRODUCT_URL", "TEST_PRODUCT_SKU", "REAL_PLACEORDER", "STORE_SETTING")
    backend.does("environment", *names)
    url = "https://www.aliexpress.com/item/1005001234567890.html"
    assert f"{url} 100500123456789001 1 of-the-store" in backend.bench.blocked()[1]


@pytest.mark.parametrize("judged", ["7", ""])
def test_it_buys_as_the_user_whose_credential_is_judged(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, judged: str
) -> None:
    """TEST_USER_ID reaches it from `.env` too, and its default, over one of its own."""
    monkeypatch.setenv("TEST_USER_ID", "9")
    backend.bench.variables["TEST_USER_ID"] = judged
    backend.does("environment", "TEST_USER_ID")
    assert f"it skipped the purchase: {judged or 1}" in backend.bench.blocked()[1]


@pytest.mark.parametrize(
    "url",
    [
        "https://www.aliexpress.com/item/1005001234567890.html?other=/item/1005009999999999.html",
        "https://www.aliexpress.com/item/a-lamp/1005001234567890.html#/item/1005009999999999",
        "www.aliexpress.com/i/1005001234567890",
        "1005001234567890",
    ],
)
def test_everyone_reads_one_product_from_the_url(backend: Backend, url: str) -> None:
    """The command gets it in a form that can't be read as another product."""
    backend.bench.variables["TEST_PRODUCT_URL"] = url
    backend.does("environment", "TEST_PRODUCT_URL")
    assert ": https://www.aliexpress.com/item/1005001234567890.html" in backend.bench.blocked()[1]


def test_a_token_of_its_own_environment_is_another_credential() -> None:
    """The store takes it before its database, so that it isn't the one that was judged."""
    name = "ALIEXPRESS_DROPSHIPPING_ACCESS_TOKEN"
    (condition,) = token_conditions({name: "another"}, Secret("judged"))
    assert name in condition
    assert "another" not in condition.replace("another credential", "")
    for environ in ({}, {name: " "}, {name: "judged"}):
        assert token_conditions(environ, Secret("judged")) == ()


def test_its_words_hold_no_secret_and_no_person(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither reason nor journal has a secret or a person's data of the command's output."""
    monkeypatch.setenv("STORE_API_KEY", "hunter2-hunter2")
    backend.bench.variables["TEST_FULL_NAME"] = "Ann Person"
    backend.bench.variables |= {"TEST_ADDRESS": "9 Elm", "TEST_STATE": "CA", "TEST_ZIP": "90210"}
    names = ("FULL_NAME", "ADDRESS", "CITY", "STATE", "ZIP", "COUNTRY", "PHONE")
    backend.does("environment", "STORE_API_KEY", *(f"TEST_{name}" for name in names))
    reason = backend.bench.blocked()[1]
    with backend.bench.journal() as journal:
        details = str([event.note for action in journal.actions() for event in action.events])
    for text in (reason, details):
        assert "********" in text
        for hidden in ("hunter2", "Ann", "9 Elm", "Town", "CA", "90210", "555"):
            assert hidden not in text


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"PRODSTATUS_PURCHASE_REPORT": ""}, "PRODSTATUS_PURCHASE_REPORT is not set"),
        ({"PRODSTATUS_PURCHASE_FOLDER": "/nowhere"}, "PURCHASE_FOLDER is not a folder: '/nowhere'"),
        ({"PRODSTATUS_PURCHASE_COMMAND": "./no-such"}, "names no program that can be run"),
        ({"PRODSTATUS_PURCHASE_COMMAND": "npx 'buy"}, "names no program that can be run"),
        ({"PRODSTATUS_PLACEORDER_MODE": "unpaid"}, "PRODSTATUS_PURCHASE_COMMAND can't do"),
    ],
)
def test_a_command_that_can_t_be_run_is_not_armed(
    backend: Backend, change: dict[str, str], named: str
) -> None:
    """It is named with the other conditions, before any call or claim."""
    backend.does("report", "0", "SUCCESS", "8198352049851315")
    backend.bench.variables |= change
    kind, reason = backend.bench.blocked()
    assert (kind, named in reason, backend.runs) == ("not-armed", True, 0)
    assert not backend.bench.state.requests
    assert backend.states() == []


def test_a_quote_runs_no_command(backend: Backend) -> None:
    """It gets only the price; so does one above the cap."""
    backend.does("report", "0", "SUCCESS", "8198352049851315")
    for change in ({"PRODSTATUS_PLACEORDER_MODE": "quote"}, {"PRODSTATUS_SPEND_LIMIT": "1 USD"}):
        backend.bench.variables |= change
        assert backend.bench.blocked()[0] == "not-armed"
    assert (backend.runs, backend.states()) == (0, [])


def test_a_command_that_does_not_start_ordered_nothing(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was there when the conditions were looked at; the journal says REJECTED."""

    def gone(self: StoreCommand, *, sku: str) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(StoreCommand, "run", gone)
    backend.does("report", "0", "SUCCESS", "8198352049851315")
    kind, reason = backend.bench.blocked()
    assert (kind, "could not be started (No such file" in reason) == ("not-armed", True)
    assert backend.states() == ["REJECTED"]


def test_racers_run_it_once(backend: Backend) -> None:
    """Of ten at once, each with a journal of its own, one runs the command; others may read it."""
    backend.does("report", "0", "SUCCESS", "8198352049851315")
    ends: list[str] = []

    def race() -> None:
        try:
            ends.append(str(backend.bench.place().state))
        except Blocked as blocked:
            ends.append(blocked.reason.kind.value)

    threads = [threading.Thread(target=race) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (backend.runs, backend.states()) == (1, ["CONFIRMED"])
    assert "CONFIRMED" in ends
    assert set(ends) <= {"CONFIRMED", "unresolved-intent", "not-armed"}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_success_names_its_order(end: str) -> None:
    """A success is read with its order's id, beside any other text and with any line end."""
    text = f"# Purchase\n{_SUCCESS}Details: paid with the balance\n".replace("\n", end)
    report = read_report(text)
    assert report is not None
    assert (report.bought, report.skipped, report.order_id) == (True, False, "8198352049851315")
    assert report.details == "paid with the balance"


@pytest.mark.parametrize(
    ("status", "order_id", "bought", "skipped"),
    [
        ("SUCCESS", "N/A", False, False),
        ("FAILED", "N/A", False, False),
        ("FAILED", "8198", False, False),
        ("SKIPPED", "N/A", False, True),
        ("SKIPPED", "8198", False, False),
    ],
)
def test_a_contradiction_proves_nothing(
    status: str, order_id: str, bought: bool, skipped: bool
) -> None:
    """A success needs an id, and what was skipped can't have one."""
    report = read_report(
        f"PLACEORDER_EXECUTION_STATUS: {status}\nALIEXPRESS_ORDER_ID: {order_id}\n"
    )
    assert report is not None
    assert (report.bought, report.skipped) == (bought, skipped)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SUCCESS 8198",
        "PLACEORDER_EXECUTION_STATUS: SUCCESS\n",
        "ALIEXPRESS_ORDER_ID: 8198\n",
        _SUCCESS.replace("SUCCESS", "success"),
        _SUCCESS.replace("SUCCESS", "SUCCESS|FAILED"),
        _SUCCESS.replace("8198352049851315", "8198-35"),
        _SUCCESS.replace("8198352049851315", "0"),
        _SUCCESS.replace("8198352049851315", "-1"),
        _SUCCESS.replace("8198352049851315", "٣٤"),
        _SUCCESS.replace("8198352049851315", "9" * 33),
        _SUCCESS.replace("8198352049851315", ""),
        _SUCCESS + _SUCCESS,
        _SUCCESS + "PLACEORDER_EXECUTION_STATUS: FAILED\n",
        _SUCCESS.replace("PLACEORDER", "  PLACEORDER"),
    ],
)
def test_anything_else_is_no_report(text: str) -> None:
    """A half-written file, two answers in one, or an impossible id is no report."""
    assert read_report(text) is None
