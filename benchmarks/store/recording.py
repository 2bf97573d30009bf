"""Keeping what a probe asks while it asks it, so that no statement stands anywhere twice."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.acceptance.support.database.transaction import Ask, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One statement as it was asked.

    Attributes:
        statement: its text, with `:name` for each bound value.
        parameters: the bound values; some may be of other statements.
        seconds: from the question to the answer, the connection's part included.
        row: the answer.
    """

    statement: str
    parameters: dict[str, object]
    seconds: float
    row: Row


class Recorder:
    """An `Ask` that asks another one and keeps what passes.

    Args:
        ask: who answers; it takes all parameters, the bounds among them.

    Attributes:
        asked: what passed, in order.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.asked: list[Asked] = []

    def __call__(self, statement: str, /, **parameters: object) -> Row:
        """Ask, and keep the statement with its time and its answer."""
        began = time.perf_counter()
        row = self._ask(statement, **parameters)
        self.asked.append(
            Asked(
                statement=statement,
                parameters=parameters,
                seconds=time.perf_counter() - began,
                row=row,
            )
        )
        return row

    def only(self) -> Asked:
        """Return the one statement that passed, and forget it.

        Raises:
            ValueError: there was none, or more than one.
        """
        (asked,) = self.asked
        self.asked.clear()
        return asked
