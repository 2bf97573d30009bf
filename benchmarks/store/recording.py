"""Record the statements of a probe while it runs, so that no statement is written down twice.

They can be saved, to be measured beside those of a later commit.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import text

from tests.acceptance.support.database.transaction import Ask, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedStatement:
    """One statement that was run.

    Attributes:
        statement: its text, with `:name` for each bound value.
        parameters: the bound values; some may belong to other statements.
        seconds: until the row was read, including the time of the connection.
        row: the result.
    """

    statement: str
    parameters: dict[str, object]
    seconds: float
    row: Row

    def values(self) -> dict[str, object]:
        """Return the bound values that the statement uses."""
        return {name: self.parameters[name] for name in text(self.statement).compile().params}


class Recorder:
    """An `Ask` that passes statements on to another one and records them.

    Args:
        ask: runs the statements; it gets all parameters, including the bounds.

    Attributes:
        statements: the recorded statements, in order.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.statements: list[RecordedStatement] = []

    def __call__(self, statement: str, /, **parameters: object) -> Row:
        """Run a statement, and record it with its time and its row."""
        began = time.perf_counter()
        row = self._ask(statement, **parameters)
        self.statements.append(
            RecordedStatement(
                statement=statement,
                parameters=parameters,
                seconds=time.perf_counter() - began,
                row=row,
            )
        )
        return row

    def only(self) -> RecordedStatement:
        """Return the only recorded statement, and remove it.

        Raises:
            ValueError: there was none, or more than one.
        """
        (recorded,) = self.statements
        self.statements.clear()
        return recorded


def save(path: Path, statements: Mapping[str, RecordedStatement]) -> None:
    """Write statements with their values to a file, without the bounds of the window."""
    content = {
        name: {"statement": recorded.statement, "values": _without_times(recorded.values())}
        for name, recorded in statements.items()
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def saved(path: str) -> dict[str, tuple[str, dict[str, object]]]:
    """Return the statements of a file by name, each with its values, without the window's bounds.

    Raises:
        ValueError: it isn't such a file.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        return {name: (entry["statement"], entry["values"]) for name, entry in content.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{path!r} is not a file of statements: make one by --save ({error!r})"
        raise ValueError(msg) from error


def _without_times(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if not isinstance(value, datetime)}
