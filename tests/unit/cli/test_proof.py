"""A criterion is proved if it held in one run and FAILED in another."""

from __future__ import annotations

from msgspec.structs import replace

from pytest_prodstatus.cli.prove import Proof, proofs
from pytest_prodstatus.model.record import Record
from tests.unit.given import B, C, F, catalogue, record, status


def ran(**verdicts: object) -> Record:
    """Return the record of a run that observed these verdicts in the stage `api`."""
    made = record(catalogue("api"), {})
    first = made.stages[0]
    statuses = tuple(
        status(f"api.{name}", verdict, observed=verdict)  # type: ignore[arg-type]
        for name, verdict in verdicts.items()
    )
    return replace(made, stages=(replace(first, criteria=statuses),))


def proof(name: str, **verdicts: object) -> Proof:
    """Return what two runs prove of one criterion."""
    first, second = verdicts.values()
    (seen,) = proofs({"healthy": ran(**{name: first}), "sick": ran(**{name: second})})
    return seen


def test_what_held_and_failed_is_proved() -> None:
    """It was CONFIRMED in one run and FAILED in another, in any order."""
    assert proof("up", first=C, second=F).is_proved
    assert proof("up", first=F, second=C).is_proved
    seen = proof("up", first=C, second=F)
    assert (seen.held, seen.failed, seen.missing) == (("healthy",), ("sick",), "")


def test_what_is_missing_is_said() -> None:
    """BLOCKED judged nothing, and what always fails may be unable to hold."""
    assert proof("up", first=C, second=C).missing == "never seen to fail: held in 2"
    blocked = proof("up", first=C, second=B)
    assert not blocked.is_proved
    assert blocked.missing == "never seen to fail: held in 1, BLOCKED in 1"
    assert proof("up", first=B, second=B).missing == (
        "never seen to fail: held in none, BLOCKED in 2"
    )
    assert proof("up", first=F, second=F).missing == "never seen to hold"


def test_only_what_a_run_observed_itself_counts() -> None:
    """Neither upstream, nor a verdict that was carried over, nor a criterion without a test."""
    statuses = (
        status("api.held", B, observed=C),
        status("api.carried", F, observed=F, carried_over=True),
        status("api.left-out", F, observed=F, selected=False),
        status("api.missing", B, nodeid=None),
    )
    made = ran()
    made = replace(made, stages=(replace(made.stages[0], criteria=statuses),))
    seen = {p.criterion.partition(".")[2]: p for p in proofs({"run": made})}
    assert seen.keys() == {"held", "carried", "left-out"}
    assert seen["held"].held == ("run",)
    assert not seen["carried"].failed
    assert not seen["left-out"].failed
