"""The store's data for the criteria of one process, all of it as of one instant.

When the first criterion needs an answer, all questions of the selected criteria are read in one
transaction. Then the connection is closed, so that none is open during a call to a provider. A
question that can't be answered blocks only the criteria that depend on it.
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
        database: the store's database.
        questions: by name, the function that reads the answer; it may run several statements.
        parameters: bound values for every statement, beside its own.
        note: records the instant of the answers.
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
            KeyError: the name is not one of the questions.
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
                    self._found[name] = self._read_one(transaction, reading)
        except Blocked as blocked:
            self._found = dict.fromkeys(self._questions, _Failure(blocked))
        else:
            self._note(transaction.at)
        finally:
            self._database.close()

    def _read_one(self, transaction: Transaction, reading: Reading) -> object:
        try:
            with transaction.apart() as ask:
                return reading(bound(ask, **self._parameters))
        except (Blocked, Exception) as error:  # noqa: BLE001 - it ends the criteria that need it
            return _Failure(error)


class _Failure:
    """The error of a question that has no answer."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def end(self) -> NoReturn:
        """End as the question did, each time with a `Blocked` of its own."""
        error = self._error
        if isinstance(error, Blocked):
            raise Blocked(error.reason.text, kind=error.reason.kind, remedy=error.reason.remedy)
        raise error
