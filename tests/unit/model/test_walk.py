"""Every text of a value is visited, at any depth, and a record is redacted by it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from html import escape
from urllib.parse import quote

import pytest
from msgspec import Struct
from msgspec.structs import fields, replace

from pytest_prodstatus.model.codec import write_record
from pytest_prodstatus.model.evidence import IntEntry, MapEntry, MoneyEntry, TextEntry, TimeEntry
from pytest_prodstatus.model.record import (
    CriterionStatus,
    Decision,
    Final,
    Override,
    Past,
    Record,
    Run,
    Selection,
    StageStatus,
    Subject,
)
from pytest_prodstatus.model.redaction import MASK, Redactor
from pytest_prodstatus.model.text import INTO, _texts_of, printable, redact_record, walked
from pytest_prodstatus.model.verdict import Reason
from pytest_prodstatus.reports import Payload
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
    """Redact like a redactor, and collect the texts that were searched."""
    return text.replace("planted", "********")


def secret_record() -> Record:
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
    """Reasons, remedies, evidence, details, hosts and the former record are all redacted."""
    made = secret_record()
    before = write_record(made)
    assert before.count("planted") >= 12
    clean = redact_record(made, hide)
    assert "planted" not in write_record(clean)
    marker = replace(in_progress(), previous=made)
    assert "planted" not in write_record(redact_record(marker, hide))


def test_a_record_without_secrets_is_the_same_object() -> None:
    """Nothing is copied if nothing changes."""
    made = record(catalogue("api"), {"api.a": observation(F)})
    assert redact_record(made, hide) is made


def test_what_a_record_is_found_by_stays() -> None:
    """Ids, node ids and the target are never redacted, even if a secret has the same value."""
    made = record(catalogue("api"), {"api.a": observation(F)})
    clean = redact_record(made, lambda text: "********" if text else text)
    status = clean.stages[0].criteria[0]
    assert (clean.run.id, clean.run.target) == (made.run.id, made.run.target)
    assert (clean.stages[0].id, status.id, status.stage) == ("api", "api.a", "api")
    assert status.nodeid == made.stages[0].criteria[0].nodeid
    assert clean.stages[0].cause == made.stages[0].cause
    assert status.reason is not None
    assert status.reason.text == "********"


@pytest.mark.parametrize(
    "secret", ["s3cret-value-1", "two words & <more>", "päss/wörd+1", "a\\b\"c'd-e"]
)
@pytest.mark.parametrize("form", [str, quote, lambda t: b64encode(t.encode()).decode(), escape])
def test_a_stage_is_clean_only_if_all_its_texts_are(
    secret: str, form: Callable[[str], str]
) -> None:
    """A secret is found in any text of a stage, which are all searched at once."""
    redactor = Redactor()
    redactor.add(secret)
    hidden = form(secret)
    for text in (hidden, f"{hidden} end", f"begin {hidden}", f"begin {hidden} end"):
        for where in (
            {"detail": text},
            {"reason": reason(text)},
            {"evidence": (entry("n", text),)},
        ):
            made = record(
                catalogue("api"),
                {"api.a": observation(F), "api.b": observation(F, **where), "api.c": C},
            )
            clean = redact_record(made, redactor.redact)
            assert clean is not made
            assert MASK in write_record(clean)
            assert hidden not in write_record(clean)
            assert clean.stages[0].criteria[0] is made.stages[0].criteria[0]


CRITERION = """
    verdict observed observed_at carried_over selected kind duration attempts flaky side_effects
    id nodeid run_id assertions exempt attachments
"""


UNKNOWN = "starts_unknown rest_unknown"


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        (CriterionStatus, CRITERION),
        (StageStatus, "id verdict kind derived cause since previous"),
        (Final, "verdict kind cause"),
        (
            Run,
            f"id target started finished commit dirty catalogue complete machine shard {UNKNOWN}",
        ),
        (Subject, ""),
        (Reason, "kind"),
        (Past, "run started commit final stages"),
        (Override, "target since until"),
        (Decision, "open rule exit_code selection unsigned"),
        (Selection, "partial verdict criteria"),
        (Record, "document failures"),
        (TextEntry, "at"),
        (IntEntry, "at value"),
        (MoneyEntry, "at value currency"),
        (TimeEntry, "at value"),
        (MapEntry, "at cut_from"),
    ],
)
def test_no_new_field_can_be_forgotten(kind: type[Struct], left: str) -> None:
    """Every field that may contain text is visited, except for those listed here."""
    looked, _ = _texts_of(kind)
    assert {field.name for field in fields(kind)} - set(looked) == set(left.split())


def test_a_lone_surrogate_becomes_a_visible_escape() -> None:
    """Keys and values at any depth are escaped; a value without one is the same object."""
    sent = Payload(endpoints={"a\ud800": "b\udfff"})
    assert printable(sent) == Payload(endpoints={"a\\ud800": "b\\udfff"})
    plain = Payload(endpoints={"a": "é"})
    assert printable(plain) is plain


def test_a_walk_looks_everywhere() -> None:
    """A walk visits Structs, mappings, lists, tuples and sets at any depth."""
    found: list[object] = []

    def visit(value: object) -> object:
        if isinstance(value, (Struct, dict, list, tuple, set)):
            return INTO
        found.append(value)
        return value

    walked({"a": [("b", {"c"}), reason("d", remedy="e")]}, visit)
    assert found == ["a", "b", "c", "d", "e"]
