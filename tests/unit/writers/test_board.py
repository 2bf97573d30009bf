"""The board shows a record in 80 columns, as detailed as the verbosity."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

import pytest
from msgspec.structs import replace

from pytest_prodstatus.model.evidence import Attachment
from pytest_prodstatus.model.record import Override, Record
from pytest_prodstatus.model.verdict import Kind
from pytest_prodstatus.writers.board import Line, board_lines, final_line, override_lines
from tests.unit.given import (
    NOW,
    B,
    C,
    F,
    catalogue,
    criterion,
    each_hostile_text,
    entry,
    observation,
    reason,
    record,
    run,
    stage,
)

SHOP = catalogue(
    "oauth", stage("sale", requires=("oauth",)), stage("money", rollup=("sale",)), "done"
)
MADE = record(
    SHOP,
    {
        "oauth.x": observation(F, reason=reason("the token expired", remedy="renew it")),
        "sale.x": observation(evidence=(entry("sales", 3),)),
        "money.x": observation(),
        "done.x": observation(evidence=(entry("count", 3),), flaky=True, attempts=2),
    },
)


def board(made: Record = MADE, **more: int) -> list[str]:
    """Return the board's lines."""
    return [line.text for line in board_lines(made, **more)]


def test_the_board() -> None:
    """The board shows every stage, each reason once, and the next actions."""
    assert board() == [
        "OAUTH STATUS  FAILED",
        "  oauth.x: FAILED (observed) the token expired",
        "SALE STATUS   BLOCKED    because of OAUTH STATUS",
        "MONEY STATUS  BLOCKED    because of OAUTH STATUS",
        "DONE STATUS   CONFIRMED  count 3 (flaky: x)",
        "",
        "Next:",
        "  1. renew it",
    ]


def outage(stages: int = 4) -> Record:
    """Return the record of a service that stopped: three criteria in each stage say the same."""
    names = [f"s{number}" for number in range(stages)]
    down = observation(F, reason=reason("connection refused", remedy="start the service"))
    shop = catalogue(names[0], *(stage(name, requires=(names[0],)) for name in names[1:]))
    return record(shop, {f"{name}.{which}": down for name in names for which in "abc"})


def test_one_outage_is_said_once() -> None:
    """Criteria with the same reason share a line, and a stage with none of its own points there."""
    assert board(outage()) == [
        "S0 STATUS  FAILED",
        "  s0.a, b, c: FAILED (observed) connection refused",
        "S1 STATUS  FAILED     3 criteria, as in S0 STATUS",
        "S2 STATUS  FAILED     3 criteria, as in S0 STATUS",
        "S3 STATUS  FAILED     3 criteria, as in S0 STATUS",
        "",
        "Next:",
        "  1. start the service",
    ]
    detailed = board(outage(), verbosity=1)
    assert sum("connection refused" in line for line in detailed) == 12


def test_many_criteria_with_one_reason_are_counted() -> None:
    """Of many criteria with one reason the first three are named, and the others counted."""
    many = record(
        catalogue("a"), {f"a.x{n}": observation(B, reason=reason("no key")) for n in range(9)}
    )
    assert "  a.x0, x1, x2 and 6 more: BLOCKED (observed) no key" in board(many)


def test_evidence_of_one_name_is_shown_once() -> None:
    """Two criteria's values of one name would contradict each other side by side."""
    seen = {f"a.x{n}": observation(evidence=(entry("status", n),)) for n in (200, 401)}
    assert board(record(catalogue("a"), seen)) == ["A STATUS  CONFIRMED  status 200"]


def test_sentences_are_shown_instead_of_values() -> None:
    """A criterion's sentence is for readers, and says what its values are."""
    values = (entry("ms", 12), entry("", "the shop answered in 12 ms"))
    seen = {"a.x": observation(evidence=values), "a.y": observation(evidence=(entry("n", 1),))}
    made = record(catalogue("a"), seen)
    assert board(made) == ["A STATUS  CONFIRMED  the shop answered in 12 ms"]
    assert "      the shop answered in 12 ms" in board(made, verbosity=1)


def test_an_outage_is_said_once_however_its_messages_differ() -> None:
    """Each request of an outage has its own id or time; what to do is the same."""
    down = {
        f"{name}.x": observation(
            B,
            reason=reason(f"503, request {name}", Kind.PROVIDER_UNAVAILABLE, remedy="wait for it"),
        )
        for name in "ab"
    }
    made = record(catalogue("a", "b"), down)
    assert board(made) == [
        "A STATUS  BLOCKED",
        "  a.x: BLOCKED (provider-unavailable) 503, request a",
        "B STATUS  BLOCKED    1 criterion, as in A STATUS",
        "",
        "Next:",
        "  1. wait for it",
    ]
    (cause,) = made.decision.causes
    assert cause.ids == ("a.x", "b.x")


def test_verbose_says_once_what_to_do() -> None:
    """What stands under Next isn't repeated at the criteria."""
    assert sum("start the service" in line for line in board(outage(), verbosity=1)) == 1


def test_a_line_ends_where_an_item_ends() -> None:
    """What doesn't fit is left out; the first item and the notes behind it never are."""
    values = (entry("sum", "seen"), *(entry(f"name_{n}", "word " * 5) for n in range(2)))
    ids = ("x", "y", "z")
    shown = {f"a.{name}": observation(evidence=values, flaky=True, attempts=2) for name in ids}
    made = record(catalogue("a"), shown)
    assert board(made, width=60) == ["A STATUS  CONFIRMED  sum seen (flaky: x, y, z)"]
    assert board(made, width=42) == ["A STATUS  CONFIRMED", "    sum seen (flaky: x, y, z)"]


def test_verbose_shows_everything() -> None:
    """Every criterion is shown with its evidence."""
    lines = board(verbosity=1)
    assert "  done.x: CONFIRMED, flaky (2 attempts)" in lines
    assert "      count 3" in lines
    assert "  money.x: CONFIRMED" in lines
    assert "      sales 3" in lines


def test_quiet_shows_nothing_but_final() -> None:
    """With -q only FINAL is shown, a line of its own."""
    assert board(verbosity=-1) == []


def test_lines_carry_their_verdict() -> None:
    """Each line carries the verdict that gives its colour."""
    verdicts = {line.text.split()[0]: line.verdict for line in board_lines(MADE) if line.verdict}
    assert verdicts["OAUTH"] is F
    assert verdicts["SALE"] is B
    assert verdicts["DONE"] is C


@each_hostile_text
@pytest.mark.parametrize("verbosity", [0, 1, 2])
@pytest.mark.parametrize("width", [40, 80])
def test_no_line_is_wider_than_the_board(text: str, verbosity: int, width: int) -> None:
    """No line is wider, however long a reason, a value or a title is."""
    title = "".join(c for c in text if c.isalnum())[:200].upper() or "T"
    waits = observation(B, reason=reason(text, remedy=text), evidence=(entry(text, text),))
    good = observation(evidence=(entry(text, text),))
    made = record(catalogue(stage("a", title=title), "b"), {"a.x": waits, f"b.{'y' * 90}": good})
    for line in board_lines(made, verbosity=verbosity, width=width):
        assert len(line.text) <= width
        assert len(line.text.splitlines()) <= 1
        assert not {unicodedata.category(char) for char in line.text} & {"Cc", "Cs"}


def test_a_derived_stage_with_criteria_of_its_own_says_why() -> None:
    """A derived stage gives its reason, even if its own criteria are all CONFIRMED."""
    assert any("SALE STATUS: OAUTH STATUS is FAILED" in line for line in board(verbosity=1))


def test_what_was_carried_over_shows_its_age() -> None:
    """A carried-over CONFIRMED shows when it was seen; with -v, its age."""
    made = catalogue("a")
    before = record(made, {"a.x": observation(observed_at=NOW - timedelta(hours=5))})
    got = record(made, {}, collected=(criterion("a.x"),), selected=frozenset(), former=before)
    assert board(got) == ["A STATUS  CONFIRMED  1 criterion held (carried over, seen 5 h ago)"]
    assert "  a.x: CONFIRMED, carried over, seen 5 h ago" in board(got, verbosity=1)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (record(catalogue("a"), {"a.x": C}), "FINAL CONFIRMED (target demo, gate open)"),
        (
            record(catalogue("a"), {"a.x": F}),
            "FINAL FAILED (target demo, gate closed): a.x FAILED: seen to be FAILED",
        ),
        (
            record(catalogue("a", "b"), {"a.x": C}, restricted=True),
            (
                "FINAL BLOCKED (target demo, gate closed): b BLOCKED: no test provides a criterion "
                "of this stage [selected: CONFIRMED, 1 criterion]"
            ),
        ),
        (
            record(catalogue("a"), {"a.x": C}, of=run(incidents=(reason("gw0 died", Kind.CRASH),))),
            "FINAL BLOCKED (target demo, gate closed): gw0 died",
        ),
    ],
)
def test_the_last_line_says_final_and_why(made: Record, text: str) -> None:
    """The last line has FINAL, the target, the gate, and the selection."""
    assert final_line(made) == Line(text, made.final.verdict)


def test_a_partial_run_says_that_its_upstream_was_not_judged() -> None:
    """It exits by what it selected, while the record is BLOCKED by what that requires."""
    made = record(
        catalogue("a", stage("b", requires=("a",))),
        {"b.x": C},
        collected=(criterion("a.x"), criterion("b.x")),
        selected=frozenset(["b.x"]),
    )
    end = "[selected: CONFIRMED, 1 criterion; its upstream was not judged]"
    assert final_line(made).text.endswith(end)


def test_a_partial_run_shows_old_trouble_in_one_line() -> None:
    """Stages keep their row; what an earlier run saw, and what that holds up, get no more."""
    made = catalogue("a", stage("b", requires=("a",)))
    ids = ("a.x", "a.y", "b.x", "b.y")
    former = record(
        made,
        {
            "a.x": observation(F, observed_at=NOW - timedelta(seconds=9)),
            "a.y": observation(F, observed_at=NOW - timedelta(seconds=6)),
            "b.x": C,
            "b.y": C,
        },
    )
    partial = record(
        made,
        {"b.x": C, "b.y": C},
        collected=tuple(map(criterion, ids)),
        selected=frozenset(["b.x", "b.y"]),
        former=former,
    )
    assert board(partial) == [
        "A STATUS  FAILED     carried over, seen 6 s ago",
        "B STATUS  BLOCKED    because of A STATUS",
        "",
        "Next:",
        "  1. A STATUS was FAILED 6 s ago: run again with --stage a",
    ]
    assert any(line.startswith("  a.x: FAILED") for line in board(partial, verbosity=1))


def test_what_no_longer_counts_says_why() -> None:
    """A CONFIRMED of an earlier run that is BLOCKED now isn't left without its reason."""
    made = catalogue("a", "b")
    former = record(made, {"a.x": observation(C, observed_at=NOW - timedelta(hours=30)), "b.x": C})
    partial = record(
        made,
        {"b.x": C},
        collected=tuple(map(criterion, ("a.x", "b.x"))),
        selected=frozenset(["b.x"]),
        former=former,
    )
    assert board(partial)[:3] == [
        "A STATUS  BLOCKED",
        "    it was CONFIRMED 30 h ago, which was valid for 1d (carried over, seen 30 h",
        "    ago)",
    ]


def test_a_large_number_is_written_as_on_the_page() -> None:
    """Every output separates thousands by a comma."""
    made = record(catalogue("a", "b"), {f"a.x{n}": C for n in range(1200)}, restricted=True)
    assert final_line(made).text.endswith("[selected: CONFIRMED, 1,200 criteria]")


def test_an_override_is_shown_in_full() -> None:
    """An override shows its end, person and reason, on as many lines as needed."""
    word = Override(
        target="demo", reason="the fix " * 20, who="Ana", since=NOW, until=NOW + timedelta(hours=2)
    )
    lines = [line.text for line in override_lines(replace(MADE, overrides=(word,)), width=60)]
    assert lines[0].startswith("OVERRIDE until 2026-11-22 14:00 UTC, by Ana: the fix")
    assert " ".join(line.strip() for line in lines).count("the fix") == 20
    assert max(map(len, lines)) <= 60
    assert override_lines(MADE) == []


def test_attachments_are_listed_with_v() -> None:
    """Below the evidence, with type and size; without `-v` they are not."""
    file = Attachment(name="a.png", media_type="image/png", size=1234, sha256="1" * 64)
    made = record(catalogue("a"), {"a.x": observation(C, attachments=(file,))})
    line = "      attached a.png (image/png, 1,234 bytes)"
    assert line in [line.text for line in board_lines(made, verbosity=1)]
    assert not any("a.png" in line.text for line in board_lines(made))
