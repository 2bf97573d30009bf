"""A deploy decision as a statement: what it says, until when it holds, and what it vouches for."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from pytest_prodstatus.model.attestation import (
    PAYLOAD_TYPE,
    PREDICATE_TYPE,
    Artifact,
    AttestationError,
    Statement,
    bundle_of,
    encode_statement,
    envelope_in,
    is_about,
    mistrust,
    read_statement,
    state_decision,
    state_test_result,
)
from pytest_prodstatus.model.record import Override, Record, Run, Subject
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.model.violations import SKEW
from pytest_prodstatus.model.waiver import Waiver, Waivers
from tests.unit.given import HOUR, NOW, B, C, F, catalogue, record, run, stage

DAY = 24 * HOUR
SECOND = timedelta(seconds=1)
DIGEST = {"sha256": "5e" * 32}
RELEASE = {"sha256": "ab" * 32}
SHOP = catalogue(
    stage("oauth", criteria=("oauth.token",), valid_for=30 * DAY),
    stage("sale", criteria=("sale.linked",), valid_for=30 * DAY),
)
GREEN = {"oauth.token": C, "sale.linked": C}


def ended(**more: Any) -> Run:
    """Return a run of today's catalogue that ended now."""
    return run(**{"finished": NOW, "catalogue": SHOP.digest, **more})


def stated(verdicts: dict[str, Any] | None = None, /, **more: Any) -> Statement:
    """Return the statement of a run whose criteria have these verdicts."""
    made = record(SHOP, verdicts or GREEN, of=more.pop("of", ended()))
    return state_decision(made, DIGEST, SHOP, more.pop("now", NOW), **more)


def override() -> Override:
    """Return an override for an hour."""
    return Override(target="demo", reason="a sale", who="ana", since=NOW, until=NOW + HOUR)


def green(**of: Any) -> Record:
    """Return the record of a run that confirmed everything."""
    return record(SHOP, GREEN, of=ended(**of))


class TestDecision:
    """`state_decision`."""

    def test_an_open_gate(self) -> None:
        """It rests on no override and no waiver, and names no criterion."""
        made = stated().predicate
        assert (made.open, made.rule, made.verdict) == (True, "confirmed", C)
        assert (made.unmet, made.waived, made.override) == ((), (), None)
        assert (made.target, made.release, made.run) == ("demo", "v1", "run-1")

    @pytest.mark.parametrize("verdict", [B, F])
    def test_a_closed_gate(self, verdict: Verdict) -> None:
        """What isn't CONFIRMED is named with its verdict and kind; the verdict closes the gate."""
        made = stated({**GREEN, "sale.linked": verdict}).predicate
        assert not made.open
        assert (made.rule, made.verdict) == ("verdict", verdict)
        assert [(one.criterion, one.verdict) for one in made.unmet] == [("sale.linked", verdict)]
        assert made.unmet[0].kind is not None

    def test_it_ends_after_the_longest_time(self) -> None:
        """`valid_for` caps it, if nothing that it rests on ends before."""
        made = stated(valid_for=HOUR).predicate
        assert (made.valid_from, made.expires) == (NOW, NOW + HOUR)

    def test_it_ends_with_the_first_confirmed_that_it_rests_on(self) -> None:
        """However long it may hold by itself."""
        assert stated(valid_for=90 * DAY).predicate.expires == NOW + 30 * DAY

    def test_a_waiver_is_named_and_ends_it(self) -> None:
        """A waived criterion isn't among those that are unmet."""
        waiver = Waiver(criterion="sale.linked", reason="known", owner="ana", expires=NOW + HOUR)
        made = stated(
            {**GREEN, "sale.linked": B}, waivers=Waivers(given=(waiver,)), valid_for=DAY
        ).predicate
        assert made.open
        assert [(one.criterion, one.owner) for one in made.waived] == [("sale.linked", "ana")]
        assert made.unmet == ()
        assert made.expires == NOW + HOUR

    def test_an_override_is_named_and_ends_it(self) -> None:
        """It opens the gate, and what isn't CONFIRMED stays named."""
        made = stated({**GREEN, "sale.linked": F}, override=override(), valid_for=DAY).predicate
        assert made.open
        assert made.override == override()
        assert made.expires == NOW + HOUR
        assert [one.criterion for one in made.unmet] == ["sale.linked"]

    def test_a_confirmed_without_evidence_does_not_count_if_it_must_have_some(self) -> None:
        """As at the gate."""
        assert not stated(require_evidence=True).predicate.open

    @pytest.mark.parametrize(
        ("release", "digests", "names"),
        [
            ("v1", RELEASE, ["status.json", "v1"]),
            ("v1", None, ["status.json"]),
            (None, RELEASE, ["status.json"]),
        ],
    )
    def test_the_release_is_a_subject_if_its_digest_is_known(
        self, release: str | None, digests: dict[str, str] | None, names: list[str]
    ) -> None:
        """in-toto wants a digest of every subject."""
        of = ended(subject=Subject(release=release))
        made = stated(of=of, release_digests=digests)
        assert [artifact.name for artifact in made.subject] == names


@pytest.mark.parametrize(("verdict", "result"), [(C, "PASSED"), (B, "FAILED"), (F, "FAILED")])
def test_blocked_is_a_failed_test_of_intoto(verdict: Verdict, result: str) -> None:
    """Its test-result knows no BLOCKED, and a warning would read as a success."""
    made = state_test_result(record(SHOP, {**GREEN, "sale.linked": verdict}), DIGEST)["predicate"]
    assert made["result"] == result
    assert ("sale.linked" in made["passedTests"]) == (verdict is C)
    assert ("sale.linked" in made["failedTests"]) == (verdict is not C)
    assert made["warnedTests"] == []


class TestReading:
    """`read_statement`."""

    def test_it_is_what_was_written(self) -> None:
        """Every field survives, and equal statements give equal bytes."""
        made = stated({**GREEN, "sale.linked": F})
        assert read_statement(encode_statement(made)) == made
        assert encode_statement(made) == encode_statement(stated({**GREEN, "sale.linked": F}))

    @pytest.mark.parametrize(
        ("payload", "message"),
        [
            (b"", "not a statement of a deploy decision"),
            (b"[]", "its predicate type is []"),
            (b"\xff", "not a statement of a deploy decision"),
            (b"[" * 100_000, "not a statement of a deploy decision"),
            (
                b'{"predicateType": "https://slsa.dev/provenance/v1"}',
                "its predicate type is 'https",
            ),
            (json.dumps({"predicateType": PREDICATE_TYPE}).encode(), "missing required field"),
        ],
    )
    def test_anything_else_is_refused(self, payload: bytes, message: str) -> None:
        """One sentence says what it is instead."""
        with pytest.raises(AttestationError, match=message.replace("[", r"\[")):
            read_statement(payload)

    @pytest.mark.parametrize("value", ["true", 1, "1", None])
    def test_open_is_true_or_false(self, value: object) -> None:
        """Nothing else is taken for it."""
        data = json.loads(encode_statement(stated({**GREEN, "sale.linked": F})))
        data["predicate"]["open"] = value
        with pytest.raises(AttestationError, match="Expected `bool`"):
            read_statement(json.dumps(data).encode())

    def test_unknown_fields_are_refused_everywhere(self) -> None:
        """At every depth: a reader that ignores a field may miss what it takes back."""
        waiver = Waiver(criterion="sale.linked", reason="known", owner="ana", expires=NOW + HOUR)
        made = stated(
            {"oauth.token": F, "sale.linked": B},
            waivers=Waivers(given=(waiver,)),
            override=override(),
        )
        data = json.loads(encode_statement(made))
        predicate = data["predicate"]
        for place in (data, predicate, predicate["unmet"][0], predicate["waived"][0]):
            place["more"] = 1
            with pytest.raises(AttestationError, match="unknown field `more`"):
                read_statement(json.dumps(data).encode())
            del place["more"]
        assert read_statement(json.dumps(data).encode()) == made

    def test_a_name_that_two_subjects_have(self) -> None:
        """Another verifier may take the other one."""
        made = stated(release_digests=RELEASE)
        twice = replace(made, subject=(*made.subject, made.subject[1]))
        with pytest.raises(AttestationError, match="two subjects of the name 'v1'"):
            read_statement(encode_statement(twice))


class TestMistrust:
    """`mistrust`: the statement is signed; is it about this record?"""

    def test_none(self) -> None:
        """It is about the record that it was made of."""
        assert mistrust(stated(), green(), DIGEST, target="demo", now=NOW) == ""

    @pytest.mark.parametrize(
        "found",
        [{"sha256": "00" * 32}, {"sha512": "5e" * 64}, {}, {**DIGEST, "sha512": "5e" * 64}],
    )
    def test_the_digest_of_the_record(self, found: dict[str, str]) -> None:
        """The digests must have an algorithm in common, and agree in all that they share."""
        why = mistrust(stated(), green(), found, target="demo")
        assert bool(why) == (found.get("sha256") != DIGEST["sha256"])

    def test_digests_that_agree_in_one_algorithm_alone(self) -> None:
        """One that differs is enough."""
        made = stated()
        both = replace(
            made, subject=(Artifact(name="status.json", digest={**DIGEST, "sha1": "a"}),)
        )
        assert mistrust(both, green(), {**DIGEST, "sha1": "b"}, target="demo")

    @pytest.mark.parametrize(
        ("name", "of"),
        [
            ("run", {"id": "run-2"}),
            ("release", {"subject": Subject(release="v2")}),
            ("release", {"subject": Subject(release=None)}),
            ("commit", {"commit": "f" * 40}),
            ("catalogue", {"catalogue": "c" * 64}),
            ("end of the run", {"finished": NOW + HOUR}),
        ],
    )
    def test_each_thing_that_binds_it(self, name: str, of: dict[str, Any]) -> None:
        """Even if the digest agrees: the signer itself may have made a mistake."""
        assert f"it is about {name} " in mistrust(stated(), green(**of), DIGEST, target="demo")

    def test_another_target(self) -> None:
        """It is the one that the reader wants, not the one in the record."""
        why = mistrust(stated(), green(), DIGEST, target="production")
        assert why == "it is about target 'demo', not 'production'"

    @pytest.mark.parametrize(
        ("at", "why"),
        [
            (NOW - SKEW, ""),
            (NOW - SKEW - SECOND, "it is dated"),
            (NOW + HOUR - SECOND, ""),
            (NOW + HOUR, "it ended"),
            (None, ""),
        ],
    )
    def test_its_time(self, at: datetime | None, why: str) -> None:
        """From its beginning, with a clock that may be behind, to before its end."""
        found = mistrust(stated(valid_for=HOUR), green(), DIGEST, target="demo", now=at)
        assert found.startswith(why)
        assert bool(found) == bool(why)

    @pytest.mark.parametrize(
        ("signed", "wanted", "trusted"),
        [
            (RELEASE, None, True),
            (RELEASE, RELEASE, True),
            (RELEASE, {"sha256": "00" * 32}, False),
            (None, RELEASE, False),
            (None, None, True),
        ],
    )
    def test_the_digest_of_the_release(
        self, signed: dict[str, str] | None, wanted: dict[str, str] | None, trusted: bool
    ) -> None:
        """If the reader names one, it must have been signed."""
        made = stated(release_digests=signed)
        why = mistrust(made, green(), DIGEST, target="demo", release_digests=wanted)
        assert (why == "") == trusted


def envelope(payload: bytes = b"{}", **more: Any) -> dict[str, Any]:
    """Return a DSSE envelope with one signature."""
    given = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"sig": base64.b64encode(b"x" * 64).decode(), "keyid": "k1"}],
    }
    return {**given, **more}


class TestIsAbout:
    """`is_about`: may an attestation stay beside a record that is written?"""

    RECORD = b"the record"

    def about(self, *subjects: Artifact) -> bool:
        """Return whether a statement with these subjects, of any type, is about the record."""
        payload = encode_statement({"predicateType": "any", "subject": subjects})
        return is_about(bundle_of(envelope(payload)), self.RECORD)

    def test_the_record_by_name_and_digest(self) -> None:
        """Beside anything else, and in any order."""
        digest = {"sha256": hashlib.sha256(self.RECORD).hexdigest()}
        own = Artifact(name="status.json", digest=digest)
        other = Artifact(name="v1", digest=RELEASE)
        assert self.about(own)
        assert self.about(other, own)
        assert not self.about(Artifact(name="v1", digest=digest))
        assert not self.about(Artifact(name="status.json", digest=RELEASE))
        assert not self.about()

    @pytest.mark.parametrize(
        "payload", [b"", b"[]", b"{}", b'{"subject": 1}', b'{"subject": [{"name": "status.json"}]}']
    )
    def test_what_is_no_attestation(self, payload: bytes) -> None:
        """It is about nothing."""
        assert not is_about(payload, self.RECORD)
        assert not is_about(bundle_of(envelope(payload)), self.RECORD)


class TestBundle:
    """`bundle_of` and `envelope_in`."""

    def test_the_envelope_is_what_was_put_in(self) -> None:
        """With the id of the key as its hint."""
        made = bundle_of(envelope())
        assert json.loads(json.dumps(envelope_in(made))) == envelope()
        assert json.loads(made)["verificationMaterial"]["publicKey"] == {"hint": "k1"}

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda b: b.update(mediaType="other"), "not a Sigstore bundle"),
            (lambda b: b.update(more=1), "unknown field"),
            (lambda b: b["dsseEnvelope"].update(more=1), "unknown field"),
            (lambda b: b["dsseEnvelope"]["signatures"][0].update(more=1), "unknown field"),
            (lambda b: b["verificationMaterial"].update(more=1), "unknown field"),
            (lambda b: b["verificationMaterial"]["publicKey"].update(more=1), "unknown field"),
            (lambda b: b["dsseEnvelope"].update(payloadType="text/plain"), "its payload type is"),
            (lambda b: b["dsseEnvelope"].update(payload="e30"), "not in base64"),
            (lambda b: b["dsseEnvelope"].update(payload="e30=\n"), "not in base64"),
            (lambda b: b["dsseEnvelope"]["signatures"][0].update(sig="!"), "not in base64"),
            (lambda b: b["dsseEnvelope"].update(signatures=[]), "has not signed it"),
            (lambda b: b["verificationMaterial"]["publicKey"].update(hint="k2"), "has not signed"),
        ],
    )
    def test_what_is_not_a_bundle(
        self, change: Callable[[dict[str, Any]], object], message: str
    ) -> None:
        """One sentence says what is wrong."""
        data = json.loads(bundle_of(envelope()))
        change(data)
        with pytest.raises(AttestationError, match=message):
            envelope_in(msgspec.json.encode(data))
