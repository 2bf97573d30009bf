"""Secrets never leave: what this process knows of them, and where it takes them out.

Reports are redacted in the process that makes them, before any other plugin or process sees them,
whatever part of pytest or plugin put a text there. What pytest itself writes to the terminal and to
its log file is redacted once more on its way, and so are the files that other plugins wrote. A run
without criteria is left alone.
"""

from __future__ import annotations

import contextlib
import linecache
import logging
import os
import warnings
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_prodstatus.model.redaction import LEAST, Redactor, SecretNames
from pytest_prodstatus.model.walk import INTO, walked
from pytest_prodstatus.settings import Settings
from pytest_prodstatus.writers.files import write_atomically

if TYPE_CHECKING:
    from pytest_prodstatus.model.record import Record


Redact = Callable[[str], str]

# What a report is known by, what never holds text of a test, and what only this process sees.
_LEFT = frozenset({
    "nodeid", "_id", "location", "keywords", "outcome", "when", "duration", "start", "stop",
    "result", "node", "worker_id", "testrun_uid", "item_index", "$report_type", "prodstatus",
    "prodstatus_first",
})  # fmt: skip
_KNOWN = _LEFT | {"longrepr", "sections", "user_properties"}
_LOOSE = ("user_properties", "extras", "extra")
"""What holds values of any type, which others show as text."""
_PLAIN = (type(None), bool, float, complex)


def only_passed(told: Mapping[str, Any]) -> bool:
    """Return whether a report's attributes say that its phase passed, and no more; most do."""
    return (
        told.get("outcome") == "passed"
        and told.keys() <= _KNOWN
        and not (told.get("longrepr") or told.get("sections") or told.get("user_properties"))
    )


def redact_report(report: object, redact: Redact) -> None:
    """Redact a report in place."""
    attributes = vars(report)
    for name in attributes.keys() - _LEFT:
        value = attributes[name]
        if name == "context":
            # The context is a subtest's: its message and its values.
            _mask_parts(value, redact)
            continue
        changed = redact_value(value, redact, loose=name in _LOOSE)
        if changed is not value:
            attributes[name] = changed


def redact_value(value: Any, redact: Redact, *, loose: bool = False) -> Any:
    """Return `value` with every text in it redacted; the same object where nothing was.

    Parts of pytest's representations are changed in place, so that they keep their look.

    Args:
        value: text, a collection, a part of a representation, or anything else.
        redact: takes secrets out of a text.
        loose: replace an object of another type by its text, where that holds a secret.
    """

    def visit(part: Any) -> Any:
        if type(part) in _PLAIN:
            return part
        if isinstance(part, str):
            clean = redact(str.__str__(part))
            return part if clean == part else clean
        if isinstance(part, bytes):
            text = part.decode("utf-8", "surrogateescape")
            clean = redact(text)
            return part if clean == text else clean.encode("utf-8", "surrogateescape")
        if isinstance(part, list) and part and all(type(item) is str for item in part):
            # Lines: a long text may have been folded over several.
            whole = "\n".join(part)
            clean = redact(whole)
            return part if clean == whole else clean.split("\n")
        if isinstance(part, (dict, list, tuple, set, frozenset)):
            return INTO
        if hasattr(part, "toterminal"):
            _mask_parts(part, redact)
            return part
        return _told(part, redact) if loose else part

    return walked(value, visit)


def _mask_parts(value: object, redact: Redact) -> None:
    for name in (*getattr(value, "__dict__", ()), *getattr(type(value), "__slots__", ())):
        part = getattr(value, name, None)
        changed = redact_value(part, redact)
        if changed is not part:
            object.__setattr__(value, name, changed)  # some of pytest's own are frozen


def _told(value: object, redact: Redact) -> object:
    try:
        texts = (str(value), repr(value))
    except Exception:  # noqa: BLE001  an object that can't be shown shows nothing
        return value
    for text in texts:
        clean = redact(text)
        if clean != text:
            return clean
    return value


class Redaction:
    """Takes secrets out of what one process tells.

    Attributes:
        on: this run has criteria, or it isn't known yet that it has none.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str] = os.environ) -> None:
        self.on = settings.asked or settings.config.catalogue.declared
        self._names = SecretNames(settings.config.secrets)
        self._environ = environ
        self._dotenv = settings.root / ".env"
        self._redactor = Redactor()
        self._seen: dict[str, str] = {}
        self._looked = False
        self._read = (0, 0)
        self._covered = False

    def register(self, value: str) -> None:
        """Learn a secret that has no name."""
        self._redactor.add(value)

    def text(self, text: str) -> str:
        """Return `text` without secrets."""
        if not self._looked and len(text) >= LEAST:
            self._look()
        return self._redactor.redact(text)

    def record(self, record: Record) -> Record:
        """Return a record without secrets, whatever put them there."""
        # Not above, since an xdist worker makes no record.
        from pytest_prodstatus.model.walk import redact_record

        return redact_record(record, self.text)

    def source_of(self, text: str) -> str | None:
        """Return the name of a variable whose secret value stands in `text`, or None."""
        if not self._looked:
            self._look()
        return self._redactor.source_of(text)

    def switch(self, config: pytest.Config, *, on: bool = True) -> None:
        """Begin, where the run has criteria, or leave it alone."""
        self.on = on
        if on and not self._covered:
            self._covered = True
            self._cover_terminal(config)
            self._cover_logs(config)

    def _look(self) -> None:
        """Learn the variables' values; tests may have set some since."""
        self._looked = True
        self._learn(self._of_file())
        self._learn(self._environ)

    def _learn(self, variables: Mapping[str, str]) -> None:
        for name, value in self._names.among(variables):
            if self._seen.get(name) != value:
                self._seen[name] = value
                self._redactor.add(value, name)

    def _of_file(self) -> Mapping[str, str]:
        """Return the variables of the project's `.env`, where it changed since the last time."""
        try:
            found = self._dotenv.stat()
            seen = found.st_mtime_ns, found.st_size
            if seen == self._read:
                return {}
            self._read = seen
            # Not above, since CI has no such file.
            from pytest_prodstatus.readers.dotenv import read_dotenv

            return read_dotenv(self._dotenv.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            return {}

    def _cover_terminal(self, config: pytest.Config) -> None:
        if not config.pluginmanager.hasplugin("terminalreporter"):
            return
        writer = config.get_terminal_writer()
        write = writer.write

        def covered(msg: str, **more: bool) -> None:
            write(self._redactor.redact(msg) if self.on and len(msg) > 1 else msg, **more)

        writer.write = covered  # type: ignore[method-assign]

    def _cover_logs(self, config: pytest.Config) -> None:
        plugin = config.pluginmanager.get_plugin("logging-plugin")
        for name in ("log_cli_handler", "log_file_handler"):
            handler = getattr(plugin, name, None)
            if isinstance(handler, logging.Handler) and handler.formatter is not None:
                handler.setFormatter(_Covered(handler.formatter, self))

    # The hooks, each before anyone else's.

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Cover what pytest writes, where the run is known to be one to judge."""
        self.switch(session.config, on=self.on)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> Generator[None]:
        """Redact what a file's collection said; of one that failed in any run."""
        self.mask_collected(report)
        return (yield)

    def mask_collected(self, report: pytest.CollectReport) -> None:
        """Redact a report of collection, in a run without criteria one that failed."""
        if self.on or not report.passed:
            self.mask(report)

    def mask(self, report: object) -> None:
        """Redact a report, and look at the variables again should anything be told after it."""
        self._looked = False
        redact_report(report, self.text)
        self._looked = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        """Redact a warning, its arguments and the line of code that is shown with it."""
        if not self.on:
            return
        self._looked = False
        message = warning_message.message
        if isinstance(message, Warning):
            message.args = redact_value(message.args, self.text, loose=True)
            told = str(message)
            clean = self.text(told)
            if clean != told:
                warning_message.message = UserWarning(clean)
        line = warning_message.line
        if line is None:
            line = linecache.getline(warning_message.filename, warning_message.lineno)
        if self.text(line) != line:
            warning_message.line = self.text(line)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_internalerror(self, excrepr: object) -> Generator[None, object, object]:
        """Redact pytest's own failure."""
        if self.on:
            self._looked = False
            redact_value(excrepr, self.text)
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Redact why the session was cut short, and then the files that others wrote."""
        if not self.on:
            return (yield)
        self._looked = False
        for name in ("shouldfail", "shouldstop"):
            why = getattr(session, name)
            if isinstance(why, str):
                setattr(session, name, self.text(why))
        try:
            return (yield)
        finally:
            if not hasattr(session.config, "workerinput"):
                for option in ("xmlpath", "htmlpath"):
                    self._mask_file(session.config.getoption(option, None))

    def _mask_file(self, name: str | None) -> None:
        if not name:
            return
        path = Path(os.path.expandvars(name)).expanduser()
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = path.read_bytes().decode("utf-8")
            clean = self.text(text)
            if clean != text:
                write_atomically(path, clean.encode("utf-8"))


class _Covered(logging.Formatter):
    """Formats as another formatter does, without secrets."""

    def __init__(self, formatter: logging.Formatter, redaction: Redaction) -> None:
        super().__init__()
        self._formatter = formatter
        self._redaction = redaction

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text."""
        text = self._formatter.format(record)
        return self._redaction.text(text) if self._redaction.on else text
