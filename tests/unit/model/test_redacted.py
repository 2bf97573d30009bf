"""A record is redacted wherever it holds text, and nowhere else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from html import escape
from urllib.parse import quote

import pytest

from pytest_prodstatus.model.record import Record, Standing, Subject
from pytest_prodstatus.model.redacted import _texts_of, redacted
from pytest_prodstatus.model.redaction import MASK, Redactor
from pytest_prodstatus.writers.record import write_record
from tests.unit.given import (
    B,
    C,
    F,
    catalogue,
    entry,
    in_progress,
    observation,
    reason,
    record,
    run,
)


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


@pytest.mark.parametrize(
    "secret", ["s3cret-value-1", "two words & <more>", "päss/wörd+1", "a\\b\"c'd-e"]
)
@pytest.mark.parametrize("form", [str, quote, lambda t: b64encode(t.encode()).decode(), escape])
def test_a_stage_is_clean_only_where_each_of_its_texts_is(
    secret: str, form: Callable[[str], str]
) -> None:
    """All texts are asked about at once: alone, at the beginning, at the end, beside another."""
    redactor = Redactor()
    redactor.add(secret)
    told = form(secret)
    for text in (told, f"{told} end", f"begin {told}", f"begin {told} end"):
        for where in (
            {"detail": text},
            {"reason": reason(text)},
            {"evidence": (entry("n", text),)},
        ):
            made = record(
                catalogue("api"),
                {"api.a": observation(F), "api.b": observation(F, **where), "api.c": C},
            )
            clean = redacted(made, redactor.redact)
            assert clean is not made
            assert MASK in write_record(clean)
            assert told not in write_record(clean)
            assert clean.stages[0].criteria[0] is made.stages[0].criteria[0]


def test_no_new_field_can_be_forgotten() -> None:
    """Every field of a criterion that may hold text is looked at, but for these."""
    looked, _ = _texts_of(Standing)
    assert set(Standing._fields) - set(looked) == {
        "verdict", "observed", "observed_at", "carried_over", "selected", "duration", "attempts",
        "flaky", "side_effects",
        "id", "stage", "nodeid", "run_id",
    }  # fmt: skip
