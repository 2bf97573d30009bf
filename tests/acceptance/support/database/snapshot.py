"""The store's data for the criteria of one process, all of it as of one instant.

When the first criterion needs an answer, all questions of the selected criteria are read in one
transaction. Then the connection is closed, so that none is open during a call to a provider. What
several of them read of the same rows is asked ahead, in one statement. A question that can't be
answered blocks only the criteria that depend on it. The workers of one machine share what the first
of them has read (`sharing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from pytest_prodstatus import Blocked
from tests.acceptance.support.database.connection import Database
from tests.acceptance.support.database.sharing import Shared, Sharing
from tests.acceptance.support.database.transaction import (
    Ask,
    Reading,
    Row,
    Transaction,
    bound,
)


class Snapshot:
    """The answers to some questions, read when the first of them is wanted.

    Args:
        database: the store's database.
        questions: by name, the function that reads the answer; it may run several statements.
        parameters: returns the bound values for every statement, beside its own, for the instant
            of the answers: what is due is so by the server's clock, which dated the rows.
        note: records the instant of the answers.
        ahead: asks statements of several questions, by name, at once, and returns their rows; what
            it leaves out is asked when its question is read.
        sharing: where the workers of one machine leave them; None for a process by itself.
    """

    def __init__(
        self,
        database: Database,
        questions: Mapping[str, Reading],
        *,
        parameters: Callable[[datetime], Mapping[str, object]],
        note: Callable[[datetime], None],
        ahead: Callable[[Ask, Iterable[str]], Mapping[str, Row]] = lambda _ask, _names: {},
        sharing: Sharing | None = None,
    ) -> None:
        self._database = database
        self._questions = questions
        self._parameters = parameters
        self._note = note
        self._ahead = ahead
        self._sharing = sharing
        self._found: dict[str, object] = {}

    def answer(self, name: str) -> Any:
        """Return the answer to a question.

        Raises:
            Blocked: it could not be answered.
            KeyError: the name is not one of the questions.
        """
        if name not in self._found:
            self._read()
        found = self._found[name]
        if isinstance(found, (_Refusal, _Error)):
            found.end()
        return found

    def _read(self) -> None:
        if self._sharing is None:
            self._ask(self._questions)
            return
        with self._sharing.turn():
            shared = self._sharing.read()
            if shared is not None:
                self._found |= {name: shared.answers[name] for name in self._shared_names(shared)}
                if shared.at is not None:
                    self._note(shared.at)
            missing = {n: reading for n, reading in self._questions.items() if n not in self._found}
            at = self._ask(missing) if missing else None
            if shared is None:
                answers = {n: a for n, a in self._found.items() if not isinstance(a, _Error)}
                self._sharing.write(Shared(at=at, answers=answers))

    def _shared_names(self, shared: Shared) -> set[str]:
        return shared.answers.keys() & self._questions.keys()

    def _ask(self, questions: Mapping[str, Reading]) -> datetime | None:
        """Read the answers to some questions, and return their instant; None if there is none."""
        try:
            with self._database.transaction() as transaction:
                given = self._parameters(transaction.at)
                rows = self._ahead(_each_apart(transaction, given), questions)
                for name, reading in questions.items():
                    self._found[name] = _read_one(transaction, reading, rows, given)
        except Blocked as blocked:
            self._found |= dict.fromkeys(questions, _Refusal.of(blocked))
            return None
        else:
            self._note(transaction.at)
            return transaction.at
        finally:
            self._database.close()


def _each_apart(transaction: Transaction, given: Mapping[str, object]) -> Ask:
    """Return an `Ask` of which every statement may fail for itself."""

    def ask(statement: str, /, **parameters: object) -> Row:
        with transaction.apart() as ask:
            return ask(statement, **parameters)

    return bound(ask, **given)


def _read_one(
    transaction: Transaction,
    reading: Reading,
    rows: Mapping[str, Row],
    given: Mapping[str, object],
) -> object:
    try:
        with transaction.apart() as ask:

            def known(statement: str, /, **parameters: object) -> Row:
                return rows.get(statement) or ask(statement, **parameters)

            return reading(bound(known, **given))
    except Blocked as blocked:
        return _Refusal.of(blocked)
    except Exception as error:  # noqa: BLE001 - it ends the criteria that need it
        return _Error(error=error)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """Why a question that ended as BLOCKED has no answer."""

    text: str
    kind: str
    remedy: str | None

    @classmethod
    def of(cls, blocked: Blocked) -> _Refusal:
        """Return the reason of a `Blocked`."""
        reason = blocked.reason
        return cls(text=reason.text, kind=reason.kind.value, remedy=reason.remedy)

    def end(self) -> NoReturn:
        """End as the question did, each time with a `Blocked` of its own."""
        raise Blocked(self.text, kind=self.kind, remedy=self.remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Error:
    """A mistake in a question; another worker makes its own."""

    error: Exception

    def end(self) -> NoReturn:
        """Raise it again."""
        raise self.error
