"""The questions to the store's database: a criterion needs each, and none can change anything."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from pytest_prodstatus import Blocked
from tests.acceptance.demo.store import Store
from tests.acceptance.support.database.transaction import Row, Transaction, bound
from tests.acceptance.support.probes.questions import NAMES, Scope, ahead, questions
from tests.acceptance.support.settings import Settings
from tests.integration.suite.databases import connected, opened

_SUITE = Path(__file__).parents[4] / "tests" / "acceptance"
_WRITES = (
    'INSERT INTO platform_config ("adminPaypalEmail", "updatedAt") VALUES (\'x@y.z\', now())',
    "UPDATE orders SET status = 'PURCHASED'",
    "DELETE FROM sales",
    "TRUNCATE sales CASCADE",
    "WITH gone AS (DELETE FROM sales RETURNING id) SELECT count(*) AS n FROM gone",
    "SELECT id FROM orders LIMIT 1 FOR UPDATE",
    "SELECT nextval('sales_id_seq')",
    "SELECT setval('sales_id_seq', 1)",
    "CREATE TABLE left_behind (id int)",
    "CREATE TEMP TABLE left_behind (id int)",
    "ALTER TABLE sales DROP COLUMN status",
    "DROP TABLE commissions",
    "GRANT ALL ON sales TO PUBLIC",
    "COMMENT ON TABLE sales IS 'was here'",
    "CREATE INDEX ON sales (currency)",
    "SELECT set_config('transaction_read_only', 'off', true)",
    "SET TRANSACTION READ WRITE",
    "COMMIT; DELETE FROM sales",
)
_REFUSED = re.compile(r"25006|25001|may not read|one statement|not refused")


def test_every_question_is_needed_by_a_criterion() -> None:
    """The list holds no question that no criterion, and no fixture of one, takes by its name."""
    taken = {
        argument.arg
        for path in (*_SUITE.glob("test_*.py"), _SUITE / "conftest.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        for argument in node.args.args
    }
    assert set(NAMES) - taken == set()


def test_only_what_the_selected_criteria_need_is_read(
    variables: Callable[..., Settings],
) -> None:
    """A run reads only what its criteria need: of the oauth stage, no orders."""
    wanted = {"stored", "evidence", "settings", "credential", "supplier"}
    assert list(questions(wanted, variables())) == ["stored"]
    assert tuple(questions(NAMES, variables())) == NAMES


def _refusal(transaction: Transaction, write: str) -> str:
    """Try a write in the middle of a transaction; return the words that refuse it."""
    try:
        with transaction.apart() as ask:
            ask(write)
    except Blocked as blocked:
        return blocked.reason.text
    except ValueError as error:
        return str(error)
    return "not refused"


@pytest.mark.parametrize(
    ("role", "by_right"), [("owner", 0), ("reader", 2)], ids=["owner", "reader"]
)
def test_no_write_goes_through_any_question_s_connection(
    running_store: Store, role: str, by_right: int
) -> None:
    """Every write is tried before every statement of every question, and each is refused.

    A transaction that wrote anything, were it rolled back, would have a transaction id.
    """
    reader = running_store.environment["DATABASE_URL"]
    settings = Settings.from_environment(running_store.environment, target="demo", dotenv={})
    parameters = Scope(now=running_store.world.now, settings=settings).parameters()
    refusals: Counter[str] = Counter()
    url = running_store.owner_url if role == "owner" else reader
    with opened(url) as database, database.transaction() as transaction:

        def attack(statement: str, /, **given: object) -> Row:
            violations = [_refusal(transaction, write) for write in _WRITES]
            refusals.update(_REFUSED.findall(" ".join(violations)))
            return transaction.ask(statement, **given)

        ahead(bound(attack, **parameters), NAMES)
        for reading in questions(NAMES, settings).values():
            reading(bound(attack, **parameters))
        number = "SELECT CAST(pg_current_xact_id_if_assigned() AS text) AS number"
        assert transaction.ask(number) == {"number": None}
    # Nineteen questions are 24 statements by themselves: the traced orders take four, look-ups of
    # sellers two. One more asks all that they read of the window.
    assert (len(NAMES), refusals.total()) == (19, 25 * len(_WRITES))
    refused = {"25006": 15 - by_right, "25001": 2, "may not read": by_right, "one statement": 1}
    assert {words: count / 25 for words, count in refusals.items()} == {
        words: count for words, count in refused.items() if count
    }


def test_a_commit_can_t_lead_out_of_the_transaction(running_store: Store) -> None:
    """The server would take two statements at once, and the second outside of it."""
    with opened(running_store.owner_url) as database, pytest.raises(ValueError, match="semicolon"):
        database.ask("COMMIT; DELETE FROM sales")
    with connected(running_store.owner_url) as other:
        assert other.execute(text("SELECT count(*) FROM sales")).scalar_one() > 100
