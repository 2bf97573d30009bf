"""What is real and what only looks real: the rules as PostgreSQL applies them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.acceptance.demo.seed_noise import EXCLUDING_NOTES, ODD_NOTES
from tests.acceptance.support.probes.rules import (
    carried,
    looked_for,
    stand_in_id,
    stand_in_order,
    supplier_id,
    trade_number,
)
from tests.integration.suite.conftest import Trial
from tests.unit.properties import SWEEP

# OFFSET 0 keeps it a row: PostgreSQL folds constants early, even in a CASE; columns are none.
_ORDER = """(SELECT CAST(:id AS text) AS id, CAST(:status AS text) AS status,
  CAST(:reason AS text) AS "failureReason", CAST(:notes AS text) AS "fulfillmentNotes",
  CAST(:supplier_id AS text) AS "aliexpressOrderId",
  CAST(:paid_by AS text) AS "paypalOrderId" OFFSET 0) AS o"""


def _order(trial: Trial, **columns: str | None) -> dict[str, Any]:
    values: dict[str, str | None] = {
        "id": "cabc",
        "status": "PURCHASED",
        "reason": None,
        "notes": None,
        "supplier_id": "8198352049851315",
        "paid_by": "ebay:12-34567-89012",
    }
    return dict(
        trial.ask(
            f"SELECT {stand_in_order('o')} AS stand_in, {supplier_id('o')} AS supplier_id "
            f"FROM {_ORDER}",
            **values | columns,
        )
    )


@pytest.mark.parametrize(
    "paid_by",
    [
        *("TEST_1", "test1", "Mock-2", "demo", "DEMOx", " test", "SIM_9", "ORD-TEST-1"),
        *("REAL_TEST_7", "test-full-cycle:3", "Test-Full-Cycle:3"),
    ],
)
def test_an_order_of_the_stores_test_tools_is_a_stand_in(trial: Trial, paid_by: str) -> None:
    """An order that a test tool paid for is a stand-in, with its mark in any case."""
    assert _order(trial, paid_by=paid_by)["stand_in"] is True


@pytest.mark.parametrize(
    "paid_by", ["ctest123", "tes", "contestdemo", "", None, "SIM1", "ORD-1", "8BA12345CD678901E"]
)
def test_any_other_payment_is_real(trial: Trial, paid_by: str | None) -> None:
    """The word counts at the beginning alone, and an order's own id carries no marker."""
    assert _order(trial, paid_by=paid_by, id="test_1")["stand_in"] is False


@pytest.mark.parametrize(
    ("order_id", "stand_in"), [("test_1", True), ("Mock-2", True), ("cabc", False)]
)
def test_a_sale_may_carry_the_marker_in_its_order_id(
    trial: Trial, order_id: str, stand_in: bool
) -> None:
    """A sale may carry the mark in its order id, beside other text."""
    assert trial.ask(f"SELECT {stand_in_id(':it')} AS it", it=order_id)["it"] is stand_in


def test_an_absent_id_is_no_stand_in(trial: Trial) -> None:
    """NULL never makes a condition NULL: NOT NULL would drop the row."""
    assert trial.ask(f"SELECT {stand_in_id('CAST(NULL AS text)')} AS it")["it"] is False


@pytest.mark.parametrize(
    "text",
    [
        "SIMULATED_ORDER_ID",
        "TEST_SIMULATED",
        "REAL_PAYOUT_TEST",
        "FINAL_PAYOUT_TEST",
        "simulated-7",
        "81test99",
        "0",
        "ERROR 503",
        "8198352049851315?",
        "0000000000000000",
        "08198352049851315",
        " 08198352049851315",
        "",
        "  ",
        "N/A",
        None,
    ],
)
def test_a_stand_in_supplier_id_is_a_missing_one(trial: Trial, text: str | None) -> None:
    """A stand-in supplier id, or any text but a long number, counts as missing."""
    assert _order(trial, supplier_id=text) == {"stand_in": False, "supplier_id": None}


_NUMBERS = st.from_regex(r"[0-9][0-9!_-]{4,12}", fullmatch=True)
_BLANKS = st.sampled_from(["", " ", "\u200b", "\t", "\n", "\u00a0"])


@given(
    number=_NUMBERS,
    name=st.sampled_from(["", "ebay:", "mercadolibre:", "Amazon :", ": "]),
    before=st.from_regex(r"#?[A-Za-z]{0,4}[-_#]?", fullmatch=True),
    blanks=st.tuples(_BLANKS, _BLANKS, _BLANKS),
    at=st.integers(0, 20),
)
@settings(
    max_examples=2_000 if SWEEP else 100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_marketplaces_number_is_written_in_one_way(
    trial: Trial, number: str, name: str, before: str, blanks: tuple[str, str, str], at: int
) -> None:
    """Its marketplace's name, a few letters and what is invisible are no part of it."""
    first, within, last = blanks
    written = f"{first}{name}{before}{number[:at]}{within}{number[at:]}{last}"
    assert _number(trial, written) == number


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("8BA12345CD678901E", "8ba12345cd678901e", True),
        ("EBA12345CD678901E", " EBA12345CD678901E", True),
        ("EBA12345CD678901E", "A12345CD678901E", False),
        ("ABCDE12345678", "12345678", False),
        ("ABCD12345678", "12345678", True),
        ("ebay:1234", "1234", True),
        ("ebay:EB-1234", "1234", False),
    ],
)
def test_what_is_no_marketplaces_number_is_kept_whole(
    trial: Trial, one: str, other: str, same: bool
) -> None:
    """A checkout's letters are part of it, and so are those before a few digits."""
    assert (_number(trial, one) == _number(trial, other)) is same


def _number(trial: Trial, written: str) -> str:
    column = "x.trade"
    statement = (
        f"SELECT {trade_number(column)} AS number "
        "FROM (SELECT CAST(:trade AS text) AS trade OFFSET 0) AS x"
    )
    return str(trial.ask(statement, trade=written)["number"])


@pytest.mark.parametrize("notes", ODD_NOTES)
def test_odd_notes_exclude_nothing(trial: Trial, notes: str) -> None:
    """Free text, text that begins like JSON, flags that aren't flags: none fails the statement."""
    assert _order(trial, notes=notes)["stand_in"] is False


@pytest.mark.parametrize(
    "notes",
    [
        *EXCLUDING_NOTES,
        '{"truthFlags": {"a": {"b": [{}]}, "excludedFromCommercialProof":true}, "z": "\\"}"}',
        '{"\\u0074ruthFlags": {"excludedFromCommercialProof": true}}',
        '{"truthFlags": null, "truthFlags": {"commercialProofEligible" : false}}',
        '{"truthFlags": {"excludedFromCommercialProof"\n:\t true}}',
        '{"truthFlags": {"excluded\\u0046romCommercialProof": true}}',
        '{"\\u0074ruthFlags": {"commercialProof\\u0045ligible":false}}',
        '{"n": [-0, 1.50, 2e-7, 3E+4, [], {}], "truthFlags": {"commercialProofEligible": false}}',
    ],
)
def test_flagged_notes_exclude_an_order(trial: Trial, notes: str) -> None:
    """A flag in an order's notes excludes it, in any spelling and beside any other text."""
    assert _order(trial, notes=notes)["stand_in"] is True


def test_a_reason_or_a_status_excludes_an_order(trial: Trial) -> None:
    """An order that was cancelled by the marketplace, or is SIMULATED, is excluded."""
    assert _order(trial, reason="MANUALLY_CANCELLED_MARKETPLACE_SIDE")["stand_in"] is True
    assert _order(trial, status="SIMULATED")["stand_in"] is True
    assert _order(trial, reason="OUT_OF_STOCK")["stand_in"] is False


@pytest.mark.parametrize(
    "broken",
    [
        '"n": 1 2',
        '"n": 01',
        '"n": 1.5.2',
        '"n": - 1',
        '"n": 1.',
        '"n": tr ue',
        '"n": truefalse',
        '"n": 1"x"',
        '"n": "x" "y"',
        '1: "n"',
        '"n" "x"',
        '"n": [1,]',
        '"n": {,}',
        '"n": "\\x"',
        '"n": \u00a01',
        '"n": 1}',
        "",
    ],
)
def test_notes_that_only_begin_like_json_exclude_nothing(trial: Trial, broken: str) -> None:
    """One misplaced character, and the flags beside it are free text."""
    notes = f'{{"truthFlags": {{"excludedFromCommercialProof": true}}, {broken}}}'
    assert _order(trial, notes=notes)["stand_in"] is False


@pytest.mark.parametrize(("levels", "excluded"), [(62, True), (64, False)])
def test_notes_nested_too_deep_are_free_text(trial: Trial, levels: int, excluded: bool) -> None:
    """JSON of more than 64 levels would take a statement too long to prove."""
    deep = "[" * levels + "]" * levels
    notes = f'{{"truthFlags": {{"excludedFromCommercialProof": true}}, "deep": {deep}}}'
    assert _order(trial, notes=notes)["stand_in"] is excluded


_FLAGS = ("excludedFromCommercialProof", "manuallyCancelledMarketplaceSide")
_KEYS = st.sampled_from(["truthFlags", *_FLAGS, "commercialProofEligible", "x", 'q"\\', "\u0000"])
_LEAVES = st.one_of(
    st.booleans(), st.none(), st.integers(), st.text(max_size=6), st.just("\ud800"), _KEYS
)
_VALUES = st.recursive(
    _LEAVES, lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(_KEYS, deeper)
)
_DOCUMENTS = st.builds(
    lambda flags, rest: json.dumps({"truthFlags": flags, **rest}, indent=1),
    st.dictionaries(_KEYS, _LEAVES | _VALUES),
    st.dictionaries(st.sampled_from(["a", "b\\", "n"]), _VALUES),
)
_BROKEN = st.builds(
    lambda document, at, cut, put: document[:at] + put + document[at + cut :],
    _DOCUMENTS,
    st.integers(0, 80),
    st.integers(0, 2),
    st.sampled_from(["", "}", "{", '"', "\\", ",", ":", "1e", "-", "01", "tru", "\t", " ", "]"]),
)


@settings(
    max_examples=3_000 if SWEEP else 100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(notes=st.one_of(_DOCUMENTS, _BROKEN, st.text().filter(lambda text: "\0" not in text)))
def test_notes_are_read_as_a_json_parser_reads_them(trial: Trial, notes: str) -> None:
    """Python's parser is the oracle; no text at all fails the statement."""
    text = notes.encode("utf-8", "replace").decode()
    assert _order(trial, notes=text)["stand_in"] is _excluded(text)


def _excluded(notes: str) -> bool:
    def no_constant(name: str) -> None:
        raise ValueError(name)

    try:
        found = json.loads(notes, parse_constant=no_constant, parse_int=str, parse_float=str)
    except ValueError:
        return False
    flags = found.get("truthFlags") if isinstance(found, dict) else None
    if not isinstance(flags, dict):
        return False
    return any(flags.get(name) is True for name in _FLAGS) or (
        flags.get("commercialProofEligible") is False
    )


@pytest.mark.parametrize("number", [0, 1, 2, 17, 3000])
def test_the_sieve_lets_every_id_pass_that_is_looked_for(trial: Trial, number: int) -> None:
    """However many there are; of others few pass, so that few are searched for."""
    column = carried("o.id", "wanted_as")
    found = trial.ask(
        f"""
        WITH wanted AS (SELECT md5(CAST(n AS text)) AS id FROM generate_series(1, :number) AS n),
        wanted_as {looked_for("id", "wanted")},
        others AS MATERIALIZED (
          SELECT md5(CAST(-n AS text)) AS id FROM generate_series(1, 3000) AS n)
        SELECT (SELECT count(*) FROM wanted AS o WHERE {column.possible}) AS passed,
               (SELECT count(*) FROM wanted AS o JOIN {column.ids} AS x (id)
                ON x.id = {column.bare}) AS found,
               (SELECT count(*) FROM others AS o WHERE {column.possible}) AS others
        """,
        number=number,
    )
    assert (found["passed"], found["found"]) == (number, number)
    assert found["others"] < 3000 / 8
