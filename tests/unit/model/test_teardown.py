"""A failed tear-down is laid on those who used what was torn down, and on no one else."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_prodstatus.model.record import CriterionStatus
from pytest_prodstatus.model.teardown import TearDowns, TornDown, within
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict, because
from tests.unit.given import B, C, F, reason

RUN = "run-1"
DOWN = Reason(text="the store went down", kind=Kind.OBSERVED)
UNSEEN = Reason(text="nothing was sold", kind=Kind.NO_DATA)


def status(name: str, verdict: Verdict = C, **more: Any) -> CriterionStatus:
    """Return the status of a criterion that this run started, in `test_a.py`."""
    own = None if verdict is C else reason("its own", Kind.CRASH)
    given = {"observed": verdict, "run_id": RUN, "flaky": verdict is C, **more}
    nodeid = f"test_a.py::test_{name}"
    return CriterionStatus(
        id=f"a.{name}", nodeid=nodeid, title=name, verdict=verdict, **because(own), **given
    )


def torn(fixture: str = "store", **more: Any) -> TornDown:
    """Return a tear-down that failed."""
    return TornDown(**{"what": "tear-down of it", "fixture": fixture, "reason": DOWN, **more})


def laid(*statuses: CriterionStatus, by: TornDown, uses: str = "") -> list[CriterionStatus]:
    """Return statuses after a tear-down; those named by `uses`, letter by letter, used it."""
    tear_downs = TearDowns()
    for name in uses:
        tear_downs.note_uses(f"test_a.py::test_{name}", ("other", by.fixture))
    tear_downs.note_torn([by])
    return tear_downs.lay(statuses, RUN)


def test_users_answer_for_it() -> None:
    """Each that used it is FAILED, with its reason and report; the others stay as they are."""
    used, other = laid(status("x"), status("y"), by=torn(detail="Traceback"), uses="x")
    assert (used.verdict, used.observed, used.reason) == (F, F, DOWN)
    assert (used.detail, used.flaky) == ("Traceback", False)
    assert other == status("y")


def test_equal_tear_downs_are_equal_values() -> None:
    """They are sent and kept, so nothing may change them."""
    assert len({torn(), torn(), torn("other")}) == 2


def test_uses_of_all_phases_count() -> None:
    """A later report of a test adds to what it used before."""
    tear_downs = TearDowns()
    for fixtures in [("store",), ("shelf",)]:
        tear_downs.note_uses("test_a.py::test_x", fixtures)
    tear_downs.note_torn([torn()])
    assert tear_downs.lay([status("x")], RUN)[0].verdict is F


@pytest.mark.parametrize(
    ("own", "verdict", "expected"),
    [(C, B, B), (C, F, F), (B, B, B), (B, F, F), (F, B, F), (F, F, F)],
)
def test_worst_wins_and_of_equals_its_own(
    own: Verdict, verdict: Verdict, expected: Verdict
) -> None:
    """The criterion's own finding is the first in time."""
    why = DOWN if verdict is F else UNSEEN
    (after,) = laid(status("x", own), by=torn(verdict=verdict, reason=why), uses="x")
    assert after.verdict is after.observed is expected
    assert after.reason == (why if verdict > own else reason("its own", Kind.CRASH))


@pytest.mark.parametrize("more", [{"run_id": "run-0"}, {"carried_over": True}, {"run_id": None}])
def test_what_this_run_did_not_start_answers_for_nothing(more: dict[str, Any]) -> None:
    """Neither what is carried over nor what was never reached."""
    before = status("x", **more)
    assert laid(before, by=torn(fixture=""), uses="x") == [before]


@pytest.mark.parametrize(
    ("scope", "inside"),
    [
        ("", True),
        (".", True),
        ("test_a.py", True),
        ("tests", False),
        ("test_a", False),
        ("test_b.py", False),
    ],
)
def test_without_a_name_all_in_its_scope_answer(scope: str, inside: bool) -> None:
    """Whether or not they used it, since that isn't known."""
    (after,) = laid(status("x"), by=torn(fixture="", scope=scope))
    assert (after.verdict is F) == inside


def test_scopes_are_folders_files_and_classes() -> None:
    """A folder's or file's name is whole."""
    nodeid = "shop/eu/test_a.py::TestOne::test_x[a::b]"
    assert all(within(nodeid, s) for s in ("shop", "shop/eu", "shop/eu/test_a.py"))
    assert within(nodeid, "shop/eu/test_a.py::TestOne")
    assert not any(within(nodeid, s) for s in ("sho", "shop/e", "shop/eu/test_a", "eu"))


def test_what_no_criterion_used_is_named() -> None:
    """It closes the gate as a failure beside the criteria does."""
    tear_downs = TearDowns()
    tear_downs.note_torn([torn("crate", what="tear-down of the crate"), torn()])
    tear_downs.note_uses("test_a.py::test_x", ("store",))
    assert tear_downs.unused([status("x")], RUN) == ["the tear-down of the crate"]
    assert len(tear_downs.unused([status("x", run_id="run-0")], RUN)) == 2
    assert len(tear_downs.unused([status("x", carried_over=True)], RUN)) == 2


def test_a_doubt_about_a_tear_down_is_taken_once_and_where_it_was_reported() -> None:
    """A second doubt of the same text, and that of another test, are about the tests themselves."""
    tear_downs = TearDowns()
    tear_downs.note_torn([torn()], "test_a.py::test_x")
    reasons = [("y", DOWN), ("x", UNSEEN), ("x", DOWN), ("x", DOWN)]
    taken = [tear_downs.takes(f"test_a.py::test_{name}", why) for name, why in reasons]
    assert taken == [False, False, True, False]
