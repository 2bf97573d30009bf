"""The attestation: a deploy decision as an in-toto Statement, bound to one record, with an end.

This module makes statements, and judges one whose signature was verified. Signing and verifying,
which need cryptography, are in `signing.py`.

Sources: in-toto Statement v1 and test-result v0.1 (in-toto.io/Statement/v1), DSSE (secure-systems-
lab/dsse, protocol.md), Sigstore bundle v0.3 (sigstore/protobuf-specs, sigstore_bundle.proto).
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct, field

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.codec import reject_constant, unique_keys
from pytest_prodstatus.model.gate import GateDecision, decide, end_of_open
from pytest_prodstatus.model.record import Override, Record
from pytest_prodstatus.model.text import (
    Instant,
    format_age,
    normalize,
    utc_isoformat,
)
from pytest_prodstatus.model.verdict import Kind, Verdict
from pytest_prodstatus.model.violations import MAX_AGE, SKEW, GateQuery
from pytest_prodstatus.model.waiver import Waivers

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
"""The payload type of every in-toto statement in a DSSE envelope."""
PREDICATE_TYPE = "https://pypi.org/project/pytest-prodstatus/deploy-decision/v1"
"""The name of our predicate and its version; a name, not a page."""
TEST_RESULT_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
RECORD_NAME = "status.json"
"""The name of the record among the subjects; its file may have another one."""

OTHER_RECORD = "the record isn't the one that was signed: its digest differs"
"""What `mistrust` returns if the record was changed or replaced since it was signed."""

Digests: TypeAlias = Mapping[str, str]
"""Digests in hexadecimal digits, by the name of their algorithm."""


class AttestationError(ValueError):
    """A statement that can't be read, or that isn't a deploy decision; one sentence."""


class Artifact(Struct, frozen=True, kw_only=True):
    """Something that a statement is about: its name and its digests."""

    name: str
    digest: Digests


class Unmet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A criterion that was neither CONFIRMED nor waived."""

    criterion: str
    verdict: Verdict
    kind: Kind | None


class Accepted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A criterion that wasn't CONFIRMED and was waived, by whom and until when."""

    criterion: str
    verdict: Verdict
    owner: str
    expires: Instant

    def __post_init__(self) -> None:
        normalize(self, "expires")


class DeployDecision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The predicate: whether one record allows a deployment, and until when.

    Attributes:
        project: the name of the project whose criteria these are; None if it has none.
        target: the system.
        release: the release that was judged; None if it wasn't named.
        verdict: on FINAL, without waivers; None if the record says nothing about the target.
        open: whether the gate is open.
        rule: "confirmed" if it is open without an override, else the rule that closes it.
        run: the id of the run.
        commit: the suite's commit; None if it isn't under git.
        catalogue: the digest of the declared catalogue.
        judged: when the run finished; None if it didn't.
        valid_from: when this was decided.
        expires: when this is no longer true: the earliest end of any CONFIRMED, waiver or override
            that it rests on.
        unmet: the criteria that are neither CONFIRMED nor waived.
        waived: the criteria that aren't CONFIRMED, and that a waiver accepts.
        override: the override that opens the gate; None if there is none.
    """

    project: str | None
    target: str
    release: str | None
    verdict: Verdict | None
    open: bool
    rule: str
    run: str
    commit: str | None
    catalogue: str
    judged: Instant | None
    valid_from: Instant
    expires: Instant
    unmet: tuple[Unmet, ...]
    waived: tuple[Accepted, ...]
    override: Override | None

    def __post_init__(self) -> None:
        normalize(self, "judged", "valid_from", "expires")


class Statement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """An in-toto Statement v1 whose predicate is a deploy decision."""

    # A Literal can't hold a constant, so `STATEMENT_TYPE` and `PREDICATE_TYPE` are written out.
    type: Literal["https://in-toto.io/Statement/v1"] = field(name="_type")
    subject: tuple[Artifact, ...]
    predicate_type: Literal["https://pypi.org/project/pytest-prodstatus/deploy-decision/v1"]
    predicate: DeployDecision


def state_decision(
    record: Record,
    digests: Digests,
    catalogue: Catalogue,
    now: datetime,
    *,
    waivers: Waivers | None = None,
    override: Override | None = None,
    project: str | None = None,
    valid_for: timedelta = MAX_AGE,
    release_digests: Digests | None = None,
    require_evidence: bool = False,
) -> Statement:
    """Decide by a record whether its release may be deployed, and return that as a statement.

    Args:
        record: the record; it is judged again as of `now`.
        digests: of the bytes of its file.
        catalogue: the catalogue as it is declared today.
        now: the aware instant of the decision.
        waivers: the project's.
        override: the override of the target's gate that is in force.
        project: the project's name; None if it has none.
        valid_for: the longest time for which the statement holds.
        release_digests: of the release; None if they aren't known.
        require_evidence: a CONFIRMED without evidence doesn't count, as at the gate.
    """
    # Nothing more is required than what the record says of itself: the gate, which has the
    # deployment's own query, decides again.
    query = GateQuery(target=record.run.target, subject=record.run.subject.release)
    decision = decide(
        record,
        catalogue,
        query,
        now,
        waivers=waivers,
        override=override,
        require_evidence=require_evidence,
    )
    end = end_of_open(record, catalogue, decision)
    waived = {item.status.id for item in decision.waived}
    subjects = [Artifact(name=RECORD_NAME, digest=digests)]
    # in-toto wants a digest of every subject: a release without one is in the predicate alone.
    if record.run.subject.release and release_digests:
        subjects.append(Artifact(name=record.run.subject.release, digest=release_digests))
    return Statement(
        type="https://in-toto.io/Statement/v1",
        subject=tuple(subjects),
        predicate_type="https://pypi.org/project/pytest-prodstatus/deploy-decision/v1",
        predicate=DeployDecision(
            project=project,
            target=record.run.target,
            release=record.run.subject.release,
            verdict=decision.verdict,
            open=decision.open,
            rule=_rule_of(decision),
            run=record.run.id,
            commit=record.run.commit,
            catalogue=record.run.catalogue,
            judged=record.run.finished,
            valid_from=now,
            # A closed gate has no end of its own.
            expires=min(filter(None, (now + valid_for, end))),
            unmet=tuple(
                Unmet(criterion=status.id, verdict=status.verdict, kind=status.kind)
                for status in record.criteria
                if status.verdict is not Verdict.CONFIRMED and status.id not in waived
            ),
            waived=tuple(
                Accepted(
                    criterion=item.status.id,
                    verdict=item.status.verdict,
                    owner=item.waiver.owner,
                    expires=item.waiver.expires,
                )
                for item in decision.waived
            ),
            override=override,
        ),
    )


def _rule_of(decision: GateDecision) -> str:
    """Return the first rule that closes the gate; "confirmed" if none does without an override."""
    return str(decision.rules[0]) if decision.rules else "confirmed"


def state_test_result(record: Record, digests: Digests) -> dict[str, Any]:
    """Return the record as in-toto's test-result, in which a BLOCKED criterion is a failed test.

    Args:
        record: the record.
        digests: of the bytes of its file.
    """
    # in-toto has PASSED, WARNED and FAILED (spec/predicates/test-result.md); nothing that wasn't
    # seen to hold may pass.
    passed = [s.id for s in record.criteria if s.verdict is Verdict.CONFIRMED]
    failed = [s.id for s in record.criteria if s.verdict is not Verdict.CONFIRMED]
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": RECORD_NAME, "digest": dict(digests)}],
        "predicateType": TEST_RESULT_TYPE,
        "predicate": {
            "result": "PASSED" if record.final.verdict is Verdict.CONFIRMED else "FAILED",
            "configuration": [{"name": RECORD_NAME, "digest": dict(digests)}],
            "passedTests": passed,
            "warnedTests": [],
            "failedTests": failed,
        },
    }


def encode_statement(statement: Statement | Mapping[str, Any]) -> bytes:
    """Return a statement as JSON, which is what is signed; equal statements give equal bytes."""
    return msgspec.json.encode(statement)


def read_statement(payload: bytes) -> Statement:
    """Read the statement of a deploy decision.

    Raises:
        AttestationError: it is of another type or form.
    """
    data = _parsed(payload, "a statement of a deploy decision")
    found = data.get("predicateType") if isinstance(data, dict) else data
    if found != PREDICATE_TYPE:
        msg = f"its predicate type is {found!r}, not {PREDICATE_TYPE!r}"
        raise AttestationError(msg)
    try:
        statement = msgspec.convert(data, Statement)
    except (msgspec.ValidationError, RecursionError) as error:
        msg = f"it is not a statement of a deploy decision: {error}"
        raise AttestationError(msg) from None
    names = [artifact.name for artifact in statement.subject]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        msg = f"it has two subjects of the name {twice!r}: which one counts isn't known"
        raise AttestationError(msg)
    others = set(names) - {RECORD_NAME, statement.predicate.release}
    if others:
        msg = f"its subject {min(others)!r} is neither the record nor the release"
        raise AttestationError(msg)
    return statement


def _parsed(content: bytes, what: str) -> Any:
    """Parse JSON whose keys are unique: of two equal ones, other verifiers may take the other.

    Raises:
        AttestationError: it isn't JSON, or has a key twice.
    """
    try:
        return json.loads(
            content.decode("utf-8"), parse_constant=reject_constant, object_pairs_hook=unique_keys
        )
    except (ValueError, RecursionError) as error:
        msg = f"it is not {what}: {error}"
        raise AttestationError(msg) from None


def mistrust(
    statement: Statement,
    record: Record,
    digests: Digests,
    *,
    target: str,
    project: str | None = None,
    now: datetime | None = None,
    release_digests: Digests | None = None,
) -> str:
    """Return why a signed statement doesn't vouch for a record, in words; "" if it does.

    Args:
        statement: the statement, whose signature was verified.
        record: the record that was read.
        digests: of the bytes that it was read from.
        target: the system that the record must be about.
        project: the name of the project whose criteria it must be; None if that has none.
        now: the instant at which the decision must hold; None if only the record's origin matters.
        release_digests: digests that the release must have; None for any.
    """
    made = statement.predicate
    run = record.run
    subjects = {artifact.name: artifact.digest for artifact in statement.subject}
    if not _agree(subjects.get(RECORD_NAME, {}), digests):
        return OTHER_RECORD
    # The digest binds all of this already, unless the signer itself made a mistake; all but the
    # project, which no record names: another one with the same stages may have the same key.
    bound = {
        "project": (made.project, project),
        "target": (made.target, target),
        "run": (made.run, run.id),
        "release": (made.release, run.subject.release),
        "commit": (made.commit, run.commit),
        "catalogue": (made.catalogue, run.catalogue),
        "end of the run": (made.judged, run.finished),
    }
    for name, (signed, found) in bound.items():
        if signed != found:
            return f"it is about {name} {_word(signed)}, not {_word(found)}"
    if release_digests is not None and not _agree(
        subjects.get(run.subject.release or "", {}), release_digests
    ):
        return f"the digest of release {run.subject.release!r} isn't the one that was signed"
    return _untimely(made, now) if now is not None else ""


def is_about(content: bytes, record: bytes) -> bool:
    """Return whether an attestation is about a record, no matter who signed it and what it says.

    Args:
        content: the bytes of the attestation's file, of any predicate type.
        record: the bytes of the record's file.
    """
    try:
        statement = _parsed(b64decode(envelope_in(content)["payload"]), "a statement")
        subjects = msgspec.convert(statement["subject"], tuple[Artifact, ...])
    except (AttestationError, msgspec.ValidationError, TypeError, KeyError, IndexError):
        return False
    digests = {"sha256": hashlib.sha256(record).hexdigest()}
    return any(
        artifact.name == RECORD_NAME and _agree(artifact.digest, digests) for artifact in subjects
    )


def _untimely(made: DeployDecision, now: datetime) -> str:
    """Return why a decision doesn't hold at an instant, in words; "" if it does."""
    # `SKEW`, because the machine that signed may have another clock.
    if made.valid_from - now > SKEW:
        return f"it is dated {format_age(made.valid_from - now)} ahead of this machine's clock"
    if now >= made.expires:
        return f"it ended {format_age(now - made.expires)} ago, at {utc_isoformat(made.expires)}"
    return ""


def _agree(signed: Digests, found: Digests) -> bool:
    """Return whether two sets of digests have an algorithm in common, and agree in all of these."""
    common = signed.keys() & found.keys()
    return bool(common) and all(signed[name] == found[name] for name in common)


def _word(value: object) -> str:
    """Return a value as a message shows it."""
    return utc_isoformat(value) if isinstance(value, datetime) else repr(value)


class PublicKeyHint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The id of the key that signed, as a hint for a verifier that has several."""

    hint: str


class Material(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """How a bundle is verified: by a key that the verifier has. There is no log."""

    public_key: PublicKeyHint
    tlog_entries: tuple[Any, ...] = ()


class Signed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One signature of an envelope, in base64, and the id of its key."""

    sig: str
    keyid: str = ""


class Envelope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A DSSE envelope: a payload in base64, its type, and its signatures."""

    payload: str
    payload_type: str
    signatures: tuple[Signed, ...]


class Bundle(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A Sigstore bundle v0.3 that is signed by a key.

    Sigstore's own verifiers take exactly one signature in an envelope; `prodstatus gate` takes any
    number.
    """

    media_type: Literal["application/vnd.dev.sigstore.bundle.v0.3+json"]
    verification_material: Material
    dsse_envelope: Envelope


def bundle_of(envelope: Mapping[str, Any]) -> bytes:
    """Return the content of an attestation's file: a bundle with a signed envelope.

    Args:
        envelope: payload, payloadType and signatures, as DSSE names them.
    """
    made = msgspec.convert(envelope, Envelope)
    # A bundle names one key, even if several have signed its envelope.
    first = made.signatures[0].keyid
    bundle = Bundle(
        media_type="application/vnd.dev.sigstore.bundle.v0.3+json",
        verification_material=Material(public_key=PublicKeyHint(hint=first)),
        dsse_envelope=made,
    )
    return msgspec.json.format(msgspec.json.encode(bundle), indent=1) + b"\n"


def envelope_in(content: bytes) -> dict[str, Any]:
    """Return the envelope of a bundle, as DSSE names its parts.

    Raises:
        AttestationError: it isn't a bundle; one sentence.
    """
    what = "a Sigstore bundle v0.3 with a DSSE envelope"
    data = _parsed(content, what)
    try:
        bundle = msgspec.convert(data, Bundle)
    except (msgspec.ValidationError, RecursionError) as error:
        msg = f"it is not {what}: {error}"
        raise AttestationError(msg) from None
    if bundle.dsse_envelope.payload_type != PAYLOAD_TYPE:
        msg = f"its payload type is {bundle.dsse_envelope.payload_type!r}, not {PAYLOAD_TYPE!r}"
        raise AttestationError(msg)
    # Checked here: securesystemslib decodes both, and would read a text with other characters in
    # it as if they weren't there.
    texts = [bundle.dsse_envelope.payload, *(made.sig for made in bundle.dsse_envelope.signatures)]
    if not all(map(_is_base64, texts)):
        msg = "its payload or a signature is not in base64"
        raise AttestationError(msg)
    if bundle.verification_material.public_key.hint not in {
        made.keyid for made in bundle.dsse_envelope.signatures
    }:
        msg = "the key that it names has not signed it"
        raise AttestationError(msg)
    envelope: dict[str, Any] = msgspec.to_builtins(bundle.dsse_envelope)
    return envelope


def _is_base64(text: str) -> bool:
    """Return whether a text is base64, and exactly as an encoder writes it."""
    try:
        # Two texts may decode to the same bytes, such as "QQ==" and "QR==".
        return b64encode(b64decode(text, validate=True)).decode() == text
    except ValueError:
        return False
