"""What the criteria of one process know of the store: all of it as of one instant.

The first criterion that needs an answer has all questions of the selected criteria read, in one
transaction; then the connection is closed, so that none is open while a provider is asked. A
question that can't be answered blocks the criteria that ask it, and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NoReturn

from pytest_prodstatus import Blocked
from tests.acceptance.support.database.connection import Database
from tests.acceptance.support.database.transaction import Reading, Transaction, bound


class Snapshot:
    """The answers to some questions, read when the first of them is wanted.

    Args:
        database: is asked.
        questions: by name, what reads each answer; it may run several statements.
        parameters: what every statement is given beside its own.
        note: is told the instant that the answers are as of.
    """

    def __init__(
        self,
        database: Database,
        questions: Mapping[str, Reading],
        *,
        parameters: Mapping[str, object],
        note: Callable[[datetime], None],
    ) -> None:
        self._database = database
        self._questions = questions
        self._parameters = parameters
        self._note = note
        self._found: dict[str, object] = {}

    def answer(self, name: str) -> Any:
        """Return the answer to a question.

        Raises:
            Blocked: it could not be answered.
            KeyError: it is none of the questions.
        """
        if not self._found:
            self._read()
        found = self._found[name]
        if isinstance(found, _Failure):
            found.end()
        return found

    def _read(self) -> None:
        try:
            with self._database.transaction() as transaction:
                for name, reading in self._questions.items():
                    self._found[name] = self._answered(transaction, reading)
        except Blocked as blocked:
            self._found = dict.fromkeys(self._questions, _Failure(blocked))
        else:
            self._note(transaction.at)
        finally:
            self._database.close()

    def _answered(self, transaction: Transaction, reading: Reading) -> object:
        try:
            with transaction.apart() as ask:
                return reading(bound(ask, **self._parameters))
        except (Blocked, Exception) as error:  # noqa: BLE001 - it ends the criteria that asked
            return _Failure(error)


class _Failure:
    """Why there is no answer."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def end(self) -> NoReturn:
        """End as the question did, each time with a `Blocked` of its own."""
        error = self._error
        if isinstance(error, Blocked):
            raise Blocked(error.reason.text, kind=error.reason.kind, remedy=error.reason.remedy)
        raise error
