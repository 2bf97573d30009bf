"""Takes secrets out of everything that a process of the run writes or sends.

Reports are redacted in the process that makes them, before any other plugin or process sees them.
This covers every text on them, by pytest or a plugin. The text that pytest writes to the terminal
and to its log file is redacted once more when it is written, and so are the files that other
plugins wrote. A run without criteria is left alone.
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

from pytest_prodstatus.disk import DISK
from pytest_prodstatus.model.redaction import LEAST, Redactor, SecretNames
from pytest_prodstatus.model.text import INTO, walked
from pytest_prodstatus.project import DotenvError, dotenv_content
from pytest_prodstatus.readers import read_file
from pytest_prodstatus.settings import Settings
from pytest_prodstatus.writers import write_atomically

if TYPE_CHECKING:
    from pytest_prodstatus.model.record import Record


Redact = Callable[[str], str]

# Attributes of a report that identify it, that never hold text of a test, or that stay here.
_UNTOUCHED = frozenset({
    "nodeid", "_id", "location", "keywords", "outcome", "when", "duration", "start", "stop",
    "result", "node", "worker_id", "testrun_uid", "item_index", "$report_type", "prodstatus",
    "prodstatus_first", "prodstatus_files", "prodstatus_test",
})  # fmt: skip
_PLAIN_ATTRIBUTES = _UNTOUCHED | {"longrepr", "sections", "user_properties"}
_LOOSELY_TYPED = ("user_properties", "extras", "extra")
"""Attributes that hold values of any type, which other plugins show as text."""
_SCALARS = (type(None), bool, float, complex)


def only_passed(values: Mapping[str, Any]) -> bool:
    """Return whether a report's attributes say that its phase passed, and nothing else."""
    return (
        values.get("outcome") == "passed"
        and values.keys() <= _PLAIN_ATTRIBUTES
        and not (values.get("longrepr") or values.get("sections") or values.get("user_properties"))
    )


def redact_report(report: object, redact: Redact) -> None:
    """Take secrets out of every text that a report carries, in place."""
    attributes = vars(report)
    for name in attributes.keys() - _UNTOUCHED:
        value = attributes[name]
        if name == "context":
            # The context is a subtest's: its message and its values.
            _mask_parts(value, redact)
            continue
        changed = redact_value(value, redact, loose=name in _LOOSELY_TYPED)
        if changed is not value:
            attributes[name] = changed


def redact_value(value: Any, redact: Redact, *, loose: bool = False) -> Any:
    """Return `value` with every text in it redacted; the same object if there was no secret.

    Parts of pytest's representations are changed in place, so that they keep their look.

    Args:
        value: text, a collection, a part of a representation, or anything else.
        redact: takes secrets out of a text.
        loose: replace an object of another type by its text if that holds a secret.
    """

    def visit(part: Any) -> Any:
        if type(part) in _SCALARS:
            return part
        if isinstance(part, str):
            clean = redact(str.__str__(part))
            return part if clean == part else clean
        if isinstance(part, bytes):
            text = part.decode("utf-8", "surrogateescape")
            clean = redact(text)
            return part if clean == text else clean.encode("utf-8", "surrogateescape")
        if isinstance(part, list) and part and all(type(item) is str for item in part):
            # Join the lines first: a secret may have been wrapped over two of them.
            text = "\n".join(part)
            clean = redact(text)
            return part if clean == text else clean.split("\n")
        if isinstance(part, (dict, list, tuple, set, frozenset)):
            return INTO
        if hasattr(part, "toterminal"):
            _mask_parts(part, redact)
            return part
        return _redact_object(part, redact) if loose else part

    return walked(value, visit)


def _mask_parts(value: object, redact: Redact) -> None:
    """Redact the attributes of a part of pytest's representation, in place."""
    for name in (*getattr(value, "__dict__", ()), *getattr(type(value), "__slots__", ())):
        part = getattr(value, name, None)
        changed = redact_value(part, redact)
        if changed is not part:
            object.__setattr__(value, name, changed)  # some of pytest's own are frozen


def _redact_object(value: object, redact: Redact) -> object:
    """Return an object, or its redacted text if that holds a secret."""
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
    """Takes secrets out of everything that one process writes or sends.

    Attributes:
        on: whether this run has criteria, or may still turn out to have some.
        unread: why secrets of the project's `.env` file aren't known, because it or some of its
            lines can't be read, in one sentence; "" if they are.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str] = os.environ) -> None:
        self.on = settings.requested or settings.config.catalogue.declared
        self.unread = ""
        self._names = SecretNames((*settings.config.secrets, *settings.config.notify))
        self._environ = environ
        self._dotenv = settings.root / ".env"
        self._redactor = Redactor()
        self._seen: dict[str, str] = {}
        self._up_to_date = False
        self._dotenv_state = (0, 0)
        self._covered = False

    def register(self, value: str) -> None:
        """Redact from now on a value that is in no environment variable."""
        self._redactor.add(value)

    def text(self, text: str) -> str:
        """Return `text` without secrets."""
        if not self._up_to_date and len(text) >= LEAST:
            self._learn_variables()
        return self._redactor.redact(text)

    def output(self, text: str) -> str:
        """Return a text of a test without secrets, bounded before it is searched."""
        if not self._up_to_date and len(text) >= LEAST:
            self._learn_variables()
        return self._redactor.redact_output(text)

    def record(self, record: Record) -> Record:
        """Return a record without secrets in any of its texts."""
        # Not above, since an xdist worker makes no record.
        from pytest_prodstatus.model.text import redact_record

        return redact_record(record, self.text)

    def source_of(self, text: str) -> str | None:
        """Return the name of a variable if its secret value is in `text`; else None."""
        if not self._up_to_date:
            self._learn_variables()
        return self._redactor.source_of(text)

    def switch(self, config: pytest.Config, *, on: bool = True) -> None:
        """Begin to redact if the run has criteria (`on`), or stop."""
        self.on = on
        if on and not self._covered:
            self._covered = True
            self._cover_terminal(config)
            self._cover_logs(config)

    def _learn_variables(self) -> None:
        """Learn the values of secret variables; a test may have set one since the last time."""
        self._up_to_date = True
        self._learn_dotenv()
        self._learn(self._environ)

    def _learn(self, variables: Mapping[str, str]) -> None:
        """Redact the values of the variables that are secret by their names."""
        for name, value in self._names.among(variables):
            if self._seen.get(name) != value:
                self._seen[name] = value
                self._redactor.add(value, name)

    def _learn_dotenv(self) -> None:
        """Learn the secrets of the project's `.env`, unless it is as it was last read."""
        try:
            found = DISK.stat(self._dotenv)
            seen = found.st_mtime_ns, found.st_size
            if seen == self._dotenv_state:
                return
            self._dotenv_state = seen
        except OSError:
            return
        try:
            content = dotenv_content(self._dotenv.parent)
        except DotenvError as error:
            self.unread = f"{error}, so the values in it are not redacted"
            return
        if content is None:
            return
        # Not above, since CI has no such file.
        from pytest_prodstatus.readers.dotenv import read_dotenv

        dotenv = read_dotenv(content, self._environ)
        self.unread = dotenv.unread_sentence(str(self._dotenv))
        self._learn(dotenv.variables)
        for word in dotenv.words:
            self._redactor.add(word, "a line of .env that can't be read")

    def _cover_terminal(self, config: pytest.Config) -> None:
        """Redact what pytest writes to the terminal."""
        if not config.pluginmanager.hasplugin("terminalreporter"):
            return
        writer = config.get_terminal_writer()
        write = writer.write

        def covered(msg: str, **more: bool) -> None:
            # One character, a dot or a letter, is most of what is written, and holds no secret.
            write(self._redactor.redact(msg) if self.on and len(msg) > 1 else msg, **more)

        writer.write = covered  # type: ignore[method-assign]

    def _cover_logs(self, config: pytest.Config) -> None:
        """Redact what pytest's logging writes live or to a file."""
        plugin = config.pluginmanager.get_plugin("logging-plugin")
        for name in ("log_cli_handler", "log_file_handler"):
            handler = getattr(plugin, name, None)
            if isinstance(handler, logging.Handler) and handler.formatter is not None:
                handler.setFormatter(_Covered(handler.formatter, self))

    # The hooks; each runs before any other plugin's.

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Redact what pytest writes, if the run is known to be one to judge."""
        self.switch(session.config, on=self.on)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> Generator[None]:
        """Redact the report of a file's collection before any other plugin sees it."""
        self.mask_collected(report)
        return (yield)

    def mask_collected(self, report: pytest.CollectReport) -> None:
        """Redact a report of collection; in a run without criteria only if it failed."""
        if self.on or not report.passed:
            self.mask(report)

    def mask(self, report: object) -> None:
        """Redact a report by the present values of the variables.

        They are read again for the next text: a test may have set one in between.
        """
        self._up_to_date = False
        redact_report(report, self.output)
        self._up_to_date = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        """Redact a warning, its arguments and the line of code that is shown with it."""
        if not self.on:
            return
        self._up_to_date = False
        message = warning_message.message
        if isinstance(message, Warning):
            message.args = redact_value(message.args, self.text, loose=True)
            text = str(message)
            clean = self.text(text)
            if clean != text:
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
            self._up_to_date = False
            redact_value(excrepr, self.text)
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Redact why the session was cut short, and then the files that other plugins wrote."""
        if not self.on:
            return (yield)
        self._up_to_date = False
        for name in ("shouldfail", "shouldstop"):
            why = getattr(session, name)
            if isinstance(why, str):
                setattr(session, name, self.text(why))
        try:
            return (yield)
        finally:
            # A worker writes no such file; its controller does.
            if not hasattr(session.config, "workerinput"):
                for option in ("xmlpath", "htmlpath"):
                    self._mask_file(session.config.getoption(option, None))

    def _mask_file(self, name: str | None) -> None:
        """Redact a file that another plugin wrote; nothing is written if it has no secret."""
        if not name:
            return
        path = Path(os.path.expandvars(name)).expanduser()
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = read_file(path).decode("utf-8")
            clean = self.text(text)
            if clean != text:
                write_atomically(path, clean.encode("utf-8"), through_link=True)


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
