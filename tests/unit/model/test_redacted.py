"""A record is redacted wherever it holds text, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

from pytest_prodstatus.model.record import Record, Subject
from pytest_prodstatus.model.redacted import redacted
from pytest_prodstatus.writers.record import write_record
from tests.unit.given import B, F, catalogue, entry, in_progress, observation, reason, record, run


def hide(text: str) -> str:
    """Redact as a redactor does, and see which texts it was given."""
    return text.replace("planted", "********")


def told() -> Record:
    """Return a record with a secret in every text that a test or a provider can write."""
    failed = observation(
        F,
        reason=reason("it is planted", remedy="unset planted"),
        evidence=(entry("planted", "planted"), entry("m", {"planted": ["planted"][0]})),
        detail="E  planted\nE  more",
    )
    return record(
        catalogue("api", "shop"),
        {"api.a": failed, "shop.b": observation(B)},
        of=run(
            subject=Subject(release="planted", endpoints={"planted": "https://planted"}),
            selection="-k planted",
            incidents=(reason("planted"),),
        ),
    )


def test_no_text_of_a_record_keeps_a_secret() -> None:
    """Reasons, remedies, evidence with its names and keys, details, hosts, the former record."""
    made = told()
    before = write_record(made)
    assert before.count("planted") >= 12
    clean = redacted(made, hide)
    assert "planted" not in write_record(clean)
    marker = replace(in_progress(), previous=made)
    assert "planted" not in write_record(redacted(marker, hide))


def test_a_record_without_secrets_is_the_same_object() -> None:
    """Nothing is copied where nothing changes."""
    made = record(catalogue("api"), {"api.a": observation(F)})
    assert redacted(made, hide) is made


def test_what_a_record_is_found_by_stays() -> None:
    """Ids, node ids and the target are no text of a test, whatever a variable holds."""
    made = record(catalogue("api"), {"api.a": observation(F)})
    clean = redacted(made, lambda text: "********" if text else text)
    standing = clean.stages[0].criteria[0]
    assert (clean.run.id, clean.run.target) == (made.run.id, made.run.target)
    assert (clean.stages[0].id, standing.id, standing.stage) == ("api", "api.a", "api")
    assert standing.nodeid == made.stages[0].criteria[0].nodeid
    assert clean.stages[0].cause == made.stages[0].cause
    assert standing.reason is not None
    assert standing.reason.text == "********"
