"""Running the operators' own purchase command: once, bounded, and believed only for a new report.

It has no idempotency key and would post again after a time-out. So SENT is in the journal before it
runs, and an outcome that isn't proved is UNKNOWN.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.acceptance.support.aliexpress.orders import is_order_id
from tests.acceptance.support.secrets import Private, Secret, scrubbed
from tests.acceptance.support.variables import Variables

_PERSON = ("FULL_NAME", "ADDRESS", "CITY", "STATE", "ZIP", "COUNTRY", "PHONE")
_TOKEN = "ALIEXPRESS_DROPSHIPPING_ACCESS_TOKEN"
_SECRET_NAME = re.compile(
    r"(?:TOKEN|SECRET|PASSWORD|PASSWD|PASS|PWD|PIN|KEY|CREDENTIALS?|DSN|DATABASE_URL)(?:[_.-]?V?\d+)*$",
    re.I,
)
_REPORT_LIMIT = 65_536
_OUTPUT_LIMIT = 4_096
# A file's time may be cut to whole seconds (two on FAT), and lags by a tick of the kernel's clock.
_GRAIN_NS = 2_000_000_000
_STATUS = re.compile(r"^PLACEORDER_EXECUTION_STATUS:(.*)$", re.MULTILINE)
_ORDER_ID = re.compile(r"^ALIEXPRESS_ORDER_ID:(.*)$", re.MULTILINE)
_DETAILS = re.compile(r"^Details:(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseReport:
    """The report file of one run.

    Attributes:
        status: SUCCESS, FAILED or SKIPPED.
        order_id: the supplier's id, digits; None for `N/A`.
        details: the command's own words; they may hold anything, so not in the repr.
    """

    status: str
    order_id: str | None
    details: str = field(repr=False)

    @property
    def bought(self) -> bool:
        """Whether it reports an order, with the order's id."""
        return self.status == "SUCCESS" and self.order_id is not None

    @property
    def skipped(self) -> bool:
        """Whether it reports that no purchase was tried."""
        return self.status == "SKIPPED" and self.order_id is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A run of the command that is over.

    Attributes:
        status: its exit status, negative for a signal; None if it was ended at its time limit.
        report: the report that it wrote, None if there is no new one that can be read.
        words: its details, else the last line it printed; one line, without known secrets.
    """

    status: int | None
    report: PurchaseReport | None
    words: str

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        if self.status is None:
            return "was ended at its time limit"
        return f"was killed by signal {-self.status}" if self.status < 0 else f"exit {self.status}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCommand:
    """The operators' purchase command.

    Attributes:
        arguments: the program and its arguments; no shell takes part.
        folder: its working directory.
        report: the file it writes.
        timeout: how long it may take.
        variables: the user, the product and the address that were judged, for its environment.
        private: the recipient's data, which its words may repeat.
    """

    arguments: tuple[str, ...] = field(repr=False)
    folder: Path
    report: Path
    timeout: timedelta
    variables: Mapping[str, str] = field(repr=False)
    private: Private

    @classmethod
    def read(
        cls, read: Variables, *, product_id: str | None, private: Private
    ) -> tuple[StoreCommand | None, tuple[str, ...]]:
        """Return the command, None if none is configured, and what keeps it from being run.

        Args:
            read: reads a variable.
            product_id: the product, which the command gets as a URL that can be read in one way.
            private: the recipient's data.
        """
        line = read.text("PRODSTATUS_PURCHASE_COMMAND")
        if line is None:
            return None, ()
        folder = Path(read.text("PRODSTATUS_PURCHASE_FOLDER") or ".").absolute()
        report = read.text("PRODSTATUS_PURCHASE_REPORT")
        command = cls(
            arguments=_split(line),
            folder=folder,
            report=folder / (report or ""),
            timeout=read.duration("PRODSTATUS_PURCHASE_TIMEOUT", timedelta(minutes=5)),
            variables={
                # The default too: the command may have another one.
                "TEST_USER_ID": str(read.number("TEST_USER_ID", 1, least=1)),
                "TEST_PRODUCT_URL": f"https://www.aliexpress.com/item/{product_id}.html",
                **{f"TEST_{name}": read.text(f"TEST_{name}") or "" for name in _PERSON},
            },
            private=private,
        )
        missing = []
        if not folder.is_dir():
            missing.append(f"PRODSTATUS_PURCHASE_FOLDER is not a folder: {str(folder)!r}")
        elif not command.arguments or not _found(command.arguments[0], folder):
            missing.append("PRODSTATUS_PURCHASE_COMMAND names no program that can be run")
        if report is None:
            missing.append("PRODSTATUS_PURCHASE_REPORT is not set, the file that it writes")
        return command, tuple(missing)

    def run(self, *, sku: str) -> Ran:
        """Run the command and wait for its end; at the time limit, kill it and its process group.

        Args:
            sku: the variant that was quoted, which the command gets as TEST_PRODUCT_SKU.

        Raises:
            OSError: it could not be started, so nothing has happened.
        """
        former = _modified(self.report)
        started = time.time_ns()
        own = {**self.variables, "TEST_PRODUCT_SKU": sku, "REAL_PLACEORDER": "1"}
        environment = {**os.environ, **own}
        process = subprocess.Popen(
            self.arguments,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that all of it can be ended
        )
        output = _Tail(process)
        status: int | None = None
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = process.wait(self.timeout.total_seconds())
        finally:
            if process.poll() is None:
                _kill(process)
        # A report counts only if it is newer than the start and than the one before it.
        earliest = max(started - _GRAIN_NS, (former or 0) + 1)
        report = _new_report(self.report, earliest)
        words = (report.details if report else "") or output.last_line()
        words = scrubbed(self.private.mask(words), _secrets(environment))
        return Ran(status=status, report=report, words=words)


def token_conditions(environ: Mapping[str, str], token: Secret | None) -> tuple[str, ...]:
    """Return why the command may buy with another credential than the judged one, if it may.

    Args:
        environ: its environment, from which the store can take a token as well.
        token: the access token that was judged.
    """
    given = environ.get(_TOKEN, "").strip()
    if not given or (token is not None and token == Secret(given)):
        return ()
    return (f"{_TOKEN} is not the token that is judged, and the store's command may buy with it",)


def read_report(text: str) -> PurchaseReport | None:
    """Read a report; None unless it has one status and one order id, each in its form."""
    statuses, ids = _values(_STATUS, text), _values(_ORDER_ID, text)
    if len(statuses) != 1 or statuses[0] not in ("SUCCESS", "FAILED", "SKIPPED") or len(ids) != 1:
        return None
    known = is_order_id(ids[0])
    if not known and ids[0] != "N/A":
        return None
    return PurchaseReport(
        status=statuses[0],
        order_id=ids[0] if known else None,
        details=" ".join(_values(_DETAILS, text)),
    )


class _Tail:
    """Reads what a process prints, however much, and keeps the end of it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._end = b""
        self._process = process
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as stream:
            while chunk := os.read(stream.fileno(), _OUTPUT_LIMIT):
                self._end = (self._end + chunk)[-_OUTPUT_LIMIT:]

    def last_line(self) -> str:
        """Return the last line with words; what a child left behind may print isn't waited for."""
        self._thread.join(1)
        lines = self._end.decode("utf-8", "replace").splitlines()
        return next((line for line in reversed(lines) if line.strip()), "")


def _split(line: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(line))
    except ValueError:  # a quote that isn't closed
        return ()


def _found(program: str, folder: Path) -> bool:
    """Return whether a program is there: a path counts from the folder it will run in."""
    return shutil.which(folder / program if Path(program).name != program else program) is not None


def _kill(process: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _modified(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _new_report(path: Path, earliest: int) -> PurchaseReport | None:
    """Return the report, None if it is older than the run, not a file, or can't be read."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_mtime_ns < earliest:
            return None
        with path.open("rb") as file:
            content = file.read(_REPORT_LIMIT + 1)
    except OSError:
        return None
    return None if len(content) > _REPORT_LIMIT else read_report(content.decode("utf-8", "replace"))


def _secrets(environment: Mapping[str, str]) -> tuple[Secret, ...]:
    """Return the secrets among the variables of the command, the longest first."""
    named = [value for name, value in environment.items() if _SECRET_NAME.search(name)]
    return tuple(Secret(value) for value in sorted(named, key=len, reverse=True) if len(value) >= 8)


def _values(line: re.Pattern[str], text: str) -> list[str]:
    return [value.strip() for value in line.findall(text.replace("\r\n", "\n"))]
