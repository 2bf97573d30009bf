"""The window is read once for all questions, and what blocks one of them blocks no other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import text

from benchmarks.store.questions import RUN
from benchmarks.store.recording import Recorder
from pytest_prodstatus import Blocked
from tests.acceptance.demo.loading import READER
from tests.acceptance.demo.store import Store
from tests.acceptance.support.database.connection import Database
from tests.acceptance.support.database.snapshot import Snapshot
from tests.acceptance.support.database.transaction import Row, bound
from tests.acceptance.support.probes.questions import (
    NAMES,
    OF_THE_WINDOW,
    Scope,
    ahead,
    questions,
)
from tests.acceptance.support.probes.window import Question, in_one_statement
from tests.acceptance.support.settings import Settings
from tests.integration.suite.conftest import Trial
from tests.integration.suite.databases import connected, opened

_SICK = (
    """UPDATE orders SET status = 'PURCHASING' WHERE "createdAt" < :then AND id LIKE '%1'""",
    """UPDATE orders SET "aliexpressOrderId" = '8100000000000001' WHERE id LIKE '%2'""",
    """UPDATE orders SET "aliexpressOrderId" = ' 8100000000000001 ' WHERE id LIKE '%3'""",
    """UPDATE orders SET "fulfillmentNotes" = '{"truthFlags": {"commercialProofEligible": false}}'
       WHERE id LIKE '%4'""",
    """UPDATE orders SET supplier = 'cj' WHERE id LIKE '%5'""",
    """UPDATE orders SET "createdAt" = :before WHERE id LIKE '%6'""",
    """UPDATE sales SET "createdAt" = :before WHERE id % 7 = 0""",
    """UPDATE sales SET environment = 'sandbox' WHERE id % 11 = 0""",
    """UPDATE sales SET status = 'RETURNED' WHERE id % 13 = 0""",
    """UPDATE sales SET "userPayoutId" = NULL WHERE id % 17 = 0""",
    """UPDATE sales SET "adminPayoutId" = ' TWICE ' WHERE id % 19 = 0""",
    """UPDATE sales SET "netProfit" = 'NaN' WHERE id % 23 = 0""",
    """UPDATE sales SET "orderId" = 'lost' || id WHERE id % 29 = 0""",
    """UPDATE sales SET "salePrice" = 0 WHERE id % 31 = 0""",
    """UPDATE platform_config SET "updatedAt" = :then""",
)


def test_a_question_has_one_answer_alone_and_together(trial: Trial) -> None:
    """Each query gives the same result alone and together with the others."""
    edge = {"then": trial.ago(days=9), "before": trial.ago(days=400)}
    for statement in _SICK:
        values = {name: at for name, at in edge.items() if f":{name}" in statement}
        assert trial.run(statement, **values)
    rows = ahead(trial.ask, NAMES)
    assert len(rows) == len(OF_THE_WINDOW) == 17
    for question in OF_THE_WINDOW.values():
        assert rows[question.statement] == trial.ask(question.statement)
    one, other = rows[OF_THE_WINDOW["shared_supplier_ids"].statement], OF_THE_WINDOW["arithmetic"]
    assert one["shared"] == 1
    assert rows[other.statement]["wrong"] > 10


def test_a_run_asks_what_is_measured(running_store: Store) -> None:
    """All questions of a whole run are eight statements, and each of them is one of `RUN`."""
    settings, parameters = _scope(running_store)
    with opened(running_store.environment["DATABASE_URL"]) as database:
        measured = Recorder(database.ask)
        for question in RUN.values():
            question(bound(measured, **parameters), settings)
        run = Recorder(database.ask)
        rows = ahead(bound(run, **parameters), NAMES)

        def known(statement: str, /, **values: object) -> Row:
            return rows.get(statement) or run(statement, **values)

        for reading in questions(NAMES, settings).values():
            reading(bound(known, **parameters))
    assert len(run.statements) == 8
    assert {each.statement for each in run.statements} == {
        each.statement for each in measured.statements
    }


def test_a_run_of_one_question_asks_it_alone(running_store: Store) -> None:
    """Nothing is asked ahead for it, and its statement reads no table and no column too many."""
    _, parameters = _scope(running_store)
    with opened(running_store.environment["DATABASE_URL"]) as database:
        recorder = Recorder(database.ask)
        for name in NAMES:
            assert ahead(bound(recorder, **parameters), [name]) == {}
    assert recorder.statements == []
    fulfilment = OF_THE_WINDOW["fulfilment"].statement
    assert "sales" not in fulfilment
    assert "salePrice" not in OF_THE_WINDOW["stored_payouts"].statement


_BLOCKED_BY = {
    "LOCK TABLE products": {"arithmetic", "traced_orders", "autopilot"},
    "LOCK TABLE purchase_attempt_logs": {"repeated"},
    "LOCK TABLE users, platform_config": {"payout_setup", "newest_payouts", "arithmetic",
                                          "traced_orders"},
    "LOCK TABLE sales": set(OF_THE_WINDOW) - {
        *("fulfilment", "supplier_ids", "stuck_orders"),
        *("shared_supplier_ids", "repeated"),
    },
    f'REVOKE SELECT ("importTax") ON products FROM {READER}': {"arithmetic"},
    f'REVOKE SELECT ("manualPurchaseDate") ON orders FROM {READER}': {
        *("newest_purchases", "sales_of_orders", "traced_orders"),
    },
}  # fmt: skip


@pytest.mark.parametrize("statement", _BLOCKED_BY)
def test_what_blocks_a_question_blocks_no_other(running_store: Store, statement: str) -> None:
    """A lock or a missing right ends the questions that need it, after one wait for the lock."""
    wait = timedelta(milliseconds=300)
    with connected(running_store.owner_url) as owner:
        owner.execute(text(statement))
        if statement.startswith("REVOKE"):
            owner.commit()
        try:
            with opened(running_store.environment["DATABASE_URL"], lock_timeout=wait) as database:
                blocked = dict(_blocked(running_store, database))
        finally:
            if statement.startswith("REVOKE"):
                owner.execute(text(statement.replace("REVOKE", "GRANT").replace(" FROM ", " TO ")))
                owner.commit()
            owner.rollback()
    assert set(blocked) == _BLOCKED_BY[statement]
    if statement.startswith("LOCK"):
        assert all("another question has waited for it" in words for words in blocked.values())


def _blocked(store: Store, database: Database) -> Iterator[tuple[str, str]]:
    settings, parameters = _scope(store)
    snapshot = Snapshot(
        database,
        questions(NAMES, settings),
        parameters=lambda _: parameters,
        note=lambda _: None,
        ahead=ahead,
    )
    for name in NAMES:
        with _catching() as caught:
            snapshot.answer(name)
        yield from ((name, words) for words in caught)


@contextlib.contextmanager
def _catching() -> Iterator[list[str]]:
    words: list[str] = []
    try:
        yield words
    except Blocked as blocked:
        words.append(blocked.reason.text)


def _scope(store: Store) -> tuple[Settings, dict[str, object]]:
    settings = Settings.from_environment(store.environment, target="demo", dotenv={})
    return settings, Scope(now=store.world.now, settings=settings).parameters()


def test_a_statement_of_many_questions_is_halved_until_the_cause_is_alone() -> None:
    """What then stands alone is left to its own reading, which says why it can't be answered."""
    answered: list[bool] = []

    def ask(statement: str, /, **_: object) -> Row:
        answered.append("purchase_attempt_logs" not in statement)
        if not answered[-1]:
            msg = "it is locked"
            raise Blocked(msg, kind="timeout")
        return _AnyRow()

    rows = ahead(ask, NAMES)
    assert len(rows) == 17 - 2
    assert (len(answered), sum(answered)) == (7, 3)


class _AnyRow(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return key


def test_a_step_has_one_meaning() -> None:
    """Two questions that define it differently are a mistake, found before anything is asked."""
    one, other = (
        Question(name=text, steps={"chosen": f"AS (SELECT {text})"}, row="SELECT 1", columns=())
        for text in ("1", "2")
    )
    with pytest.raises(ValueError, match="'chosen' differently: rename one"):
        in_one_statement(one, other)


def test_no_two_questions_have_one_name() -> None:
    """No two queries have one name, since their columns couldn't be told apart."""
    names = sorted(question.name for question in OF_THE_WINDOW.values())
    assert all(one != other for one, other in pairwise(names))
