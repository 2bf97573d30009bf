"""Record the statements of a probe while it runs, so that no statement is written down twice."""

from __future__ import annotations

import time
from dataclasses import dataclass

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
