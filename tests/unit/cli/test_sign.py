"""Signing: `prodstatus key new`, `prodstatus sign`, and what the gate and merge then believe."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import os
import re
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("securesystemslib")
pytest.importorskip("cryptography")

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)
from msgspec.structs import replace

from pytest_prodstatus import clock
from pytest_prodstatus.cli.common import UnreadableError, record_in
from pytest_prodstatus.model.attestation import PAYLOAD_TYPE, PREDICATE_TYPE
from pytest_prodstatus.model.codec import write_record
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.project import Project, config_in
from pytest_prodstatus.publish import publish
from pytest_prodstatus.readers import read_file
from pytest_prodstatus.replay import KnownRuns
from pytest_prodstatus.signing import (
    Keys,
    SigningError,
    UntrustedError,
    sign,
    signer_of,
    trusted_keys,
    vouched,
)
from pytest_prodstatus.store.history import ArchiveStore, HistoryStore
from pytest_prodstatus.writers.exports import export_names, load_export
from tests.unit.cli.conftest import CONFIG, Shop
from tests.unit.given import HOUR, NOW, B, F

RELEASE = "v41"
DIGEST = "sha256:" + "5e" * 32


class Signed:
    """A shop with a key pair, `ci`, and the gate that wants its signature."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        assert shop("key", "new", "ci").exit_code == 0
        assert shop("key", "new", "other").exit_code == 0

    @property
    def file(self) -> Path:
        """The attestation."""
        return self.shop.reports / "status.intoto.json"

    @property
    def record(self) -> Path:
        """The record."""
        return self.shop.reports / "status.json"

    @property
    def statement(self) -> dict[str, Any]:
        """The signed statement."""
        made: dict[str, Any] = json.loads(payload_of(self.file.read_bytes()))
        return made

    def sign(self, *args: str) -> str:
        """Sign the record and return what that prints."""
        done = self.shop("sign", "--key", "ci.key", *args)
        assert done.exit_code == 0, done.output
        return str(done.stdout)

    def gate(self, *args: str) -> int:
        """Ask the gate for a signature of `ci`, and return its exit status."""
        return self.shop("gate", "--signed-by", "ci.pub", *args).exit_code

    def closed(self, *args: str) -> str:
        """Ask the gate, which must be closed as untrusted, and return its sentence."""
        sentence = self.shop.closed("--signed-by", "ci.pub", *args)
        assert "rule untrusted)" in sentence
        return sentence


@pytest.fixture
def signed(shop: Shop) -> Signed:
    """A shop whose record of release v41 is CONFIRMED, and not signed yet."""
    from pytest_prodstatus.model.record import Subject

    made = Signed(shop)
    shop.record(subject=Subject(release=RELEASE))
    return made


def _next(printed: str) -> list[str]:
    """Return the next actions that the gate printed, without their numbers."""
    lines = printed.partition("Next:\n")[2].splitlines()
    return [line.strip().partition(". ")[2] for line in lines]


def short_rsa() -> tuple[bytes, bytes]:
    """Return an RSA key of 1024 bits, private and public, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), public


def payload_of(bundle: bytes) -> bytes:
    """Return the payload of a bundle."""
    return base64.b64decode(json.loads(bundle)["dsseEnvelope"]["payload"])


class TestKeys:
    """`prodstatus key new`."""

    def test_the_private_one_is_readable_by_its_owner_alone(self, shop: Shop) -> None:
        """Its mode is 0600 from the first moment; the public one is for everyone."""
        done = shop("key", "new")
        assert done.exit_code == 0
        private = shop.root / "prodstatus-signing.key"
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
        public = (shop.root / "prodstatus-signing.pub").read_text(encoding="utf-8")
        assert public.startswith("-----BEGIN PUBLIC KEY-----")
        assert private.read_text(encoding="utf-8").splitlines()[1] not in done.stdout
        assert "PRODSTATUS_SIGN_KEY" in done.stdout
        assert 'signed_by = ["prodstatus-signing.pub"]' in done.stdout

    @pytest.mark.parametrize("name", ["", ".", "/"])
    def test_a_folder_is_no_name(self, shop: Shop, name: str) -> None:
        """The files of a pair need a name of their own."""
        assert "is a folder: name the files in it" in shop.refused("key", "new", name)

    @pytest.mark.parametrize("name", ["ci.key", "ci.pub"])
    def test_no_key_is_overwritten(self, shop: Shop, name: str) -> None:
        """Neither file is changed, and no half of a pair is left."""
        (shop.root / name).write_text("mine", encoding="utf-8")
        assert f"{name} exists, and a key is never overwritten" in shop.refused("key", "new", "ci")
        left = [file.name for file in shop.root.glob("ci.*")]
        assert left == [name]
        assert (shop.root / name).read_text(encoding="utf-8") == "mine"


class TestStatement:
    """What `prodstatus sign` writes."""

    def test_it_is_about_record_and_release(self, signed: Signed) -> None:
        """An in-toto statement whose subjects are the record's file and the release's digest."""
        printed = signed.sign("--subject-digest", DIGEST)
        assert printed.splitlines() == [
            "wrote reports/status.intoto.json",
            "wrote reports/status.test-result.intoto.json",
            ("signed: target production, gate open, CONFIRMED, until 2026-11-23T12:00:00.000Z"),
        ]
        made = signed.statement
        digest = hashlib.sha256(signed.record.read_bytes()).hexdigest()
        assert made["_type"] == "https://in-toto.io/Statement/v1"
        assert made["predicateType"] == PREDICATE_TYPE
        assert made["subject"] == [
            {"name": "status.json", "digest": {"sha256": digest}},
            {"name": RELEASE, "digest": {"sha256": "5e" * 32}},
        ]
        assert {name: made["predicate"][name] for name in ("target", "open", "rule", "run")} == {
            "target": "production", "open": True, "rule": "confirmed", "run": "run-1",
        }  # fmt: skip
        assert made["predicate"]["validFrom"] == "2026-11-22T12:00:00Z"

    def test_it_ends_with_what_it_rests_on(self, signed: Signed) -> None:
        """A CONFIRMED that lasts for two hours ends the statement, though the rest lasts longer."""
        signed.shop.configure(CONFIG.replace('id = "shop"', 'id = "shop"\nvalid_for = "2h"'))
        signed.shop.record()
        signed.sign()
        assert signed.statement["predicate"]["expires"] == "2026-11-22T14:00:00Z"
        signed.sign("--valid-for", "90m")
        assert signed.statement["predicate"]["expires"] == "2026-11-22T13:30:00Z"
        signed.sign("--valid-for", "999999d")
        assert signed.statement["predicate"]["expires"] == "2026-11-22T14:00:00Z"

    def test_a_waiver_ends_it_and_is_named(self, signed: Signed) -> None:
        """Who accepted what, and until when, is part of what was signed."""
        signed.shop.waive("shop.open", "2026-11-22T15:00:00Z")
        signed.shop.record({"shop.open": B})
        assert "gate open" in signed.sign()
        predicate = signed.statement["predicate"]
        assert predicate["waived"] == [
            {
                "criterion": "shop.open", "verdict": "BLOCKED", "owner": "Ann",
                "expires": "2026-11-22T15:00:00Z",
            }
        ]  # fmt: skip
        assert (predicate["verdict"], predicate["expires"]) == ("BLOCKED", "2026-11-22T15:00:00Z")
        assert signed.gate() == 0

    def test_a_closed_gate_is_signed_as_closed(self, signed: Signed) -> None:
        """The archive has it; it opens nothing, even with a waiver that came later."""
        signed.shop.record({"shop.open": F})
        assert "gate closed, rule verdict, FAILED" in signed.sign()
        unmet = signed.statement["predicate"]["unmet"]
        assert unmet == [{"criterion": "shop.open", "verdict": "FAILED", "kind": "observed"}]
        done = signed.shop("gate", "--signed-by", "ci.pub")
        assert done.exit_code == 1
        assert "shop.open FAILED" in done.stdout
        signed.shop.waive("shop.open")
        done = signed.shop("gate", "--signed-by", "ci.pub")
        assert done.exit_code == 10
        assert "the signed decision is that the gate is closed (rule verdict)" in done.stdout

    def test_it_follows_today_s_rules_as_the_gate_does(self, signed: Signed) -> None:
        """Evidence that is required since the run: the gate is closed, and so is what is signed."""
        rule = CONFIG.replace("document", "require_evidence = true\ndocument")
        signed.shop.configure(rule)
        assert signed.shop("gate").exit_code == 10
        assert "gate closed" in signed.sign()
        assert signed.statement["predicate"]["open"] is False

    def test_in_the_form_of_a_test_result_blocked_is_a_failure(self, signed: Signed) -> None:
        """in-toto's test-result has no slot for BLOCKED, and a warning would pass."""
        signed.shop.record({"shop.open": B})
        signed.sign()
        file = signed.shop.reports / "status.test-result.intoto.json"
        made = json.loads(payload_of(file.read_bytes()))
        assert made["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
        assert made["predicate"]["result"] == "FAILED"
        assert made["predicate"]["passedTests"] == ["api.key"]
        assert made["predicate"]["failedTests"] == ["shop.open"]
        assert made["predicate"]["warnedTests"] == []

    def test_a_new_record_has_no_old_signature(self, signed: Signed) -> None:
        """The attestation of the former record is removed with it."""
        signed.sign()
        signed.shop.record()
        assert sorted(path.name for path in signed.shop.reports.glob("*.intoto.json")) == []

    def test_the_key_may_be_in_the_environment(
        self, signed: Signed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The key itself, as CI systems hand out secrets."""
        key = (signed.shop.root / "ci.key").read_text(encoding="utf-8")
        monkeypatch.setenv("PRODSTATUS_SIGN_KEY", key)
        done = signed.shop("sign")
        assert done.exit_code == 0
        assert signed.gate() == 0

    @pytest.mark.parametrize("quote", ["", '"', "'"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\\n", "\\r\\n"])
    def test_the_key_as_ci_systems_escape_it(
        self, signed: Signed, monkeypatch: pytest.MonkeyPatch, end: str, quote: str
    ) -> None:
        """A key on one line, with escaped line ends, in quotes or not, can be used."""
        key = (signed.shop.root / "ci.key").read_text(encoding="utf-8")
        monkeypatch.setenv("PRODSTATUS_SIGN_KEY", f" {quote}{key.replace(chr(10), end)}{quote}\n")
        assert signed.shop("sign").exit_code == 0
        assert signed.gate() == 0

    @pytest.mark.parametrize("damage", ["line", "base64", "cut", "uri", "host", "long", "escaped"])
    @pytest.mark.parametrize("way", ["variable", "option"])
    def test_no_message_contains_the_key(
        self, signed: Signed, monkeypatch: pytest.MonkeyPatch, damage: str, way: str
    ) -> None:
        """A key in any form is in no message, which names the variable or option instead."""
        key = (signed.shop.root / "ci.key").read_text(encoding="utf-8")
        secret = key.splitlines()[1]
        value = {
            "line": secret,
            "base64": base64.b64encode(key.encode()).decode(),
            "cut": key[:-40],
            "uri": f"x{secret}://y",
            "host": f"file://{secret}/x",
            "long": secret * 200,
            "escaped": f"'PRODSTATUS_SIGN_KEY={key!r}'",
        }[damage]
        if way == "variable":
            monkeypatch.setenv("PRODSTATUS_SIGN_KEY", value)
            message = signed.shop.refused("sign")
            assert "PRODSTATUS_SIGN_KEY" in message
        else:
            message = signed.shop.refused("sign", "--key", value)
        assert all(part not in message for part in (secret, secret[:16], value, value[:24]))

    def test_a_short_rsa_key_signs_nothing(self, signed: Signed) -> None:
        """1024 bits were broken in practice; the message names the size."""
        (signed.shop.root / "short.key").write_bytes(short_rsa()[0])
        message = signed.shop.refused("sign", "--key", "short.key")
        assert "'short.key' is an RSA key of 1024 bits: at least 2048 are needed" in message

    @pytest.mark.parametrize("scheme", ["", "file:", "file2:", "file://", "file://localhost"])
    def test_a_file_s_uri_is_its_path(self, signed: Signed, scheme: str) -> None:
        """RFC 8089's forms with an empty or local host, and securesystemslib's own scheme."""
        assert signed.shop("sign", "--key", f"{scheme}{signed.shop.root / 'ci.key'}").exit_code == 0

    def test_a_file_s_uri_may_be_relative(self, signed: Signed) -> None:
        """A file's URI may be relative, and have quoted characters."""
        (signed.shop.root / "ci.key").rename(signed.shop.root / "of ci.key")
        assert signed.shop("sign", "--key", "file:of%20ci.key").exit_code == 0

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            ((), "no key: give --key KEY, or set PRODSTATUS_SIGN_KEY"),
            (("--key", "no.key"), "the private key of --key is neither PEM text, nor the URI of a"),
            (
                ("--key", "ci.pub"),
                "the private key in 'ci.pub' is a public one, which can't sign: give",
            ),
            (("--key", "bad.key"), "the private key in 'bad.key' can't be used: ValueError"),
            (
                ("--key", "file://keys/ci.key"),
                "names another host: write file:///PATH or file:PATH",
            ),
            (("--key", "vualt://transit/x"), "the URI of --key is of no service that is known"),
            (("--key", "awskms:alias/x"), "the key awskms:… needs its public key as well"),
            (("--key", "ci.key", "--add"), "there is no attestation at"),
            (("--key", "ci.key", "nothing.json"), "there is no record at nothing.json"),
            (("--key", "ci.key", "--subject-digest", "5e5e"), "write the algorithm and all hex"),
        ],
    )
    def test_what_can_not_be_signed(
        self, signed: Signed, args: tuple[str, ...], message: str
    ) -> None:
        """A usage error in one sentence, and nothing is written."""
        (signed.shop.root / "bad.key").write_text("-----BEGIN", encoding="utf-8")
        assert message in signed.shop.refused("sign", *args)
        assert not signed.file.exists()


class TestRewritten:
    """A command that writes the record leaves no attestation of another one beside it."""

    def names(self, signed: Signed) -> list[str]:
        """Return the names of the attestations."""
        return sorted(path.name for path in signed.shop.reports.glob("*.intoto.json"))

    def test_what_is_as_it_was_stays_signed(self, signed: Signed) -> None:
        """`render` writes the same bytes, so the gate stays open."""
        signed.sign()
        before = signed.record.read_bytes()
        done = signed.shop("render")
        assert (done.exit_code, done.stderr) == (0, "")
        assert signed.record.read_bytes() == before
        assert signed.gate() == 0
        assert len(self.names(signed)) == 2

    def test_what_is_rendered_otherwise_must_be_signed_again(self, signed: Signed) -> None:
        """The record has the digest of the document, which has fewer fields now."""
        signed.sign()
        document = signed.shop.reports / "STATUS.md"
        document.write_text("# Status\n\n- **shop**: unknown\n", encoding="utf-8")
        done = signed.shop("render")
        assert done.stderr == (
            "prodstatus: status.intoto.json is removed, since it is about another record than this "
            "one: sign it again: prodstatus sign\n"
        )
        assert self.names(signed) == []
        assert "the record isn't signed" in signed.closed()

    def test_what_was_changed_must_not_be_signed(self, signed: Signed) -> None:
        """Rendering what someone else edited doesn't advise to vouch for it."""
        signed.sign()
        signed.shop.edit("run-1", "run-2")
        done = signed.shop("render")
        assert "don't sign it, but run again" in done.stderr
        assert self.names(signed) == []

    def test_a_record_that_was_mended_is_signed_still(self, signed: Signed) -> None:
        """Its bytes are those that were signed."""
        signed.sign()
        signed.record.write_text(signed.record.read_text("utf-8") + "\n", encoding="utf-8")
        assert signed.gate() == 10
        assert signed.shop("render").stderr == ""
        assert signed.gate() == 0

    @pytest.mark.parametrize("args", [(), ("--output", "reports/status.json")])
    def test_a_merge_leaves_none_behind(self, signed: Signed, args: tuple[str, ...]) -> None:
        """The merged record is a new one, and says so."""
        shop = signed.shop
        signed.sign()
        for name, part in {"a": "api.key", "b": "shop.open"}.items():
            words = f"--stage {part.partition('.')[0]}"
            shop.record(selected=(part,), folder=shop.root / name, selection=words)
        done = shop("merge", "a/status.json", "b/status.json", *args)
        assert done.exit_code == 0, done.output
        assert "status.intoto.json is removed, since it is about another record" in done.stderr
        assert self.names(signed) == []
        signed.sign()
        again = shop("merge", "a/status.json", "b/status.json", *args)
        assert (again.exit_code, again.stderr) == (0, "")
        assert signed.gate("--subject", RELEASE) == 10  # the shards named no release
        assert signed.gate() == 0

    @pytest.mark.parametrize("content", [b"", b"{}", b"[" * 10_000, b"\xff", b'{"a": 1}'])
    def test_what_is_no_attestation_is_removed(self, signed: Signed, content: bytes) -> None:
        """Any file that lies in its place is replaced or removed."""
        signed.sign()
        signed.file.write_bytes(content)
        assert "don't sign it, but run again" in signed.shop("render").stderr
        assert self.names(signed) == ["status.test-result.intoto.json"]


OPEN_WORDS = {
    "azure": "variable=open;isoutput=true]true",
    "cloudevents": '"open":true',
    "ctrf": '"open":true',
    "dotenv": "PRODSTATUS_OPEN=true",
    "github": "gate open",
    "gitlab": "CONFIRMED until",
    "junit": 'name="prodstatus.open" value="true"',
    "nagios": "PRODSTATUS OK",
    "openmetrics": 'prodstatus_gate_open{target="production"} 1',
    "shields": "brightgreen",
    "textfile": 'prodstatus_gate_open{target="production"} 1',
}
"""What each form says, without blanks in JSON, if the gate is open; it says nothing else then."""


class TestForms:
    """Every form says of a signed record what the gate says, and never two things at once."""

    @pytest.fixture
    def wanted(self, signed: Signed) -> Signed:
        """A record of a run that didn't sign, in a project that wants a signature."""
        shop = signed.shop
        shop.configure(CONFIG.replace("document", 'signed_by = ["ci.pub"]\ndocument'))
        made = shop.record()
        made = replace(made, decision=made.decision.without_signature())
        project = Project(root=shop.root, config=config_in(shop.root))
        assert publish(made, project.config, project.layout(shop.reports)).problems == ()
        return signed

    def texts(self, signed: Signed, form: str) -> list[str]:
        """Return the form as `export` and as the gate write it, without blanks after colons."""
        shop = signed.shop
        done = shop("export", form)
        assert done.exit_code == 0, done.output
        shop("gate", "--export", form)
        written = (shop.reports / load_export(form).file).read_text("utf-8")
        return [text.replace('": ', '":') for text in (done.stdout, written)]

    def test_no_form_of_ours_is_left_out(self) -> None:
        """A new form gets a row above."""
        ours = [n for n in export_names() if load_export(n).write.__module__.startswith("pytest_")]
        assert sorted(OPEN_WORDS) == ours

    @pytest.mark.parametrize("form", OPEN_WORDS)
    def test_what_it_says_before_and_after(self, wanted: Signed, form: str) -> None:
        """Closed until it is signed, open then, and closed again once the record is changed."""
        for text in self.texts(wanted, form):
            assert OPEN_WORDS[form] not in text
        wanted.sign()
        for text in self.texts(wanted, form):
            assert OPEN_WORDS[form] in text
            for closed in ("gate closed", "prodstatus sign", "]false", "OPEN=false", "BLOCKED "):
                assert closed not in text
        wanted.record.write_text(wanted.record.read_text("utf-8") + "\n", encoding="utf-8")
        for text in self.texts(wanted, form):
            assert OPEN_WORDS[form] not in text

    def test_what_the_run_wrote_stays_true(self, wanted: Signed) -> None:
        """Page and document can't know of the signature; the exports are written again."""
        shop = wanted.shop
        names = 'exports = ["ctrf", "dotenv"]\nsigned_by = ["ci.pub"]\ndocument'
        shop.configure(CONFIG.replace("document", names))
        project = Project(root=shop.root, config=config_in(shop.root))
        record = record_in(wanted.record.read_bytes(), wanted.record)
        publish(record, project.config, project.layout(shop.reports))
        dotenv = shop.reports / load_export("dotenv").file
        ctrf = shop.reports / load_export("ctrf").file
        assert "OPEN=false" in dotenv.read_text("utf-8")
        ctrf.unlink()  # what isn't there isn't made
        page, document = shop.reports / "status.html", shop.reports / "STATUS.md"
        before = page.read_bytes(), document.read_bytes()
        wanted.sign()
        assert "PRODSTATUS_OPEN=true" in dotenv.read_text("utf-8")
        assert not ctrf.exists()
        assert (page.read_bytes(), document.read_bytes()) == before
        assert "The gate is closed unless its record is signed, which" in page.read_text("utf-8")
        words = "sign the record, unless it is signed, in the job that has the key"
        assert all(words in file.read_text("utf-8") for file in (page, document))
        compared = shop("diff", wanted.record, wanted.record).stdout
        assert compared.count("gate closed unless its record is signed") == 2
        assert wanted.gate() == 0

    def test_another_key_opens_no_export(self, wanted: Signed) -> None:
        """Exports follow the configured keys, as the gate does."""
        shop = wanted.shop
        names = 'exports = ["dotenv"]\nsigned_by = ["ci.pub"]\ndocument'
        shop.configure(CONFIG.replace("document", names))
        assert shop("gate", "--export", "dotenv").exit_code == 10
        assert shop("sign", "--key", "other.key").exit_code == 0
        assert "OPEN=false" in (shop.reports / load_export("dotenv").file).read_text("utf-8")


class TestGate:
    """`prodstatus gate --signed-by`."""

    def test_an_unsigned_record_is_refused(self, signed: Signed) -> None:
        """It is never skipped, whether the command line or the project wants the signature."""
        assert "the record isn't signed: there is no" in signed.closed()
        assert signed.shop("gate").exit_code == 0
        signed.shop.configure(CONFIG.replace("document", 'signed_by = ["ci.pub"]\ndocument'))
        assert "the record isn't signed" in signed.shop.closed()

    def test_the_project_s_keys_can_not_be_dropped(self, signed: Signed) -> None:
        """Another key on the command line is wanted as well, not instead."""
        signed.shop.configure(CONFIG.replace("document", 'signed_by = ["ci.pub"]\ndocument'))
        assert signed.shop("sign", "--key", "other.key").exit_code == 0
        assert signed.shop("gate", "--signed-by", "other.pub").exit_code == 10
        signed.sign()
        assert signed.shop("gate", "--signed-by", "other.pub").exit_code == 10
        assert signed.shop("sign", "--key", "other.key", "--add").exit_code == 0
        assert signed.shop("gate", "--signed-by", "other.pub").exit_code == 0

    def test_a_folder_of_keys_and_a_threshold(self, signed: Signed) -> None:
        """While a key is replaced, either may sign; with a threshold, both must."""
        keys = signed.shop.root / "keys"
        keys.mkdir()
        for name in ("ci.pub", "other.pub"):
            (keys / name).write_bytes((signed.shop.root / name).read_bytes())
        signed.sign()
        assert signed.shop("gate", "--signed-by", "keys").exit_code == 0
        two = ("gate", "--signed-by", "keys", "--threshold", "2")
        assert signed.shop(*two).exit_code == 10
        assert signed.shop("sign", "--key", "other.key", "--add").exit_code == 0
        assert signed.shop(*two).exit_code == 0
        # One key twice is one key.
        (keys / "other.pub").write_bytes((keys / "ci.pub").read_bytes())
        assert "1 public key, and 2 must have signed" in signed.shop.refused(*two)

    def test_the_record_is_judged_again_all_the_same(self, signed: Signed) -> None:
        """A signature proves who wrote the record, not that it is right today."""
        signed.sign()
        signed.shop.configure(CONFIG.replace('"open"', '"open", "paid"'))
        assert signed.gate() == 10

    @pytest.mark.parametrize(
        ("after", "status"),
        [
            (timedelta(minutes=-4), 0),
            (timedelta(minutes=-6), 10),
            (timedelta(hours=23), 0),
            (timedelta(hours=24), 10),
        ],
    )
    def test_it_holds_from_its_beginning_to_its_end(
        self, signed: Signed, after: timedelta, status: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A signature holds by the gate's own clock, which may be five minutes behind."""
        signed.sign()
        monkeypatch.setattr(clock, "now", lambda: NOW + after)
        assert signed.gate("--max-age", "7d") == status

    def test_the_digest_of_the_release(self, signed: Signed) -> None:
        """The image that is deployed is the one that was judged."""
        signed.sign("--subject-digest", DIGEST)
        assert signed.gate("--subject-digest", DIGEST.upper()) == 0
        assert "the digest of release 'v41'" in signed.closed(
            "--subject-digest", DIGEST.replace("5e", "5f")
        )
        signed.sign()
        assert signed.gate("--subject-digest", DIGEST) == 10
        message = signed.shop.refused("gate", "--subject-digest", DIGEST)
        assert "--subject-digest needs --signed-by KEY" in message

    def test_another_target(self, signed: Signed) -> None:
        """The attestation of staging opens nothing for production."""
        signed.shop.record(target="staging", folder=signed.shop.reports / "staging")
        assert signed.shop("sign", "--key", "ci.key", "--target", "staging").exit_code == 0
        for name in ("status.json", "status.intoto.json"):
            source = signed.shop.reports / "staging" / name
            (signed.shop.reports / name).write_bytes(source.read_bytes())
        assert "it is about target 'staging', not 'production'" in signed.closed()

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("no.pub", "the public key '/"),
            ("ci.key", "can't be used"),
            ("empty", "has no public key: files that end in .pub or .pem count"),
            ("two.pub", "two.pub' is not one key: keep each key in a file of its own"),
            ("short.pub", "short.pub' is an RSA key of 1024 bits: at least 2048 are needed"),
        ],
    )
    def test_a_key_that_can_not_be_used(self, signed: Signed, name: str, message: str) -> None:
        """A usage error; no gate opens because a key is missing."""
        root = signed.shop.root
        (root / "empty").mkdir()
        pair = [(root / name).read_bytes() for name in ("ci.pub", "other.pub")]
        (root / "two.pub").write_bytes(b"".join(pair))
        (root / "short.pub").write_bytes(short_rsa()[1])
        assert message in signed.shop.refused("gate", "--signed-by", name)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
    def test_a_folder_that_can_not_be_read(self, signed: Signed) -> None:
        """A folder of keys that can't be read is a usage error."""
        folder = signed.shop.root / "keys"
        folder.mkdir(mode=0)
        message = signed.shop.refused("gate", "--signed-by", "keys")
        assert "the public key" in message
        assert "can't be read: Permission denied" in message

    def test_a_listing_that_fails_is_a_sentence(
        self, signed: Signed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The same for root, who may read every folder."""

        def refuse(_: Path) -> Iterator[Path]:
            raise PermissionError(13, "Permission denied")

        (signed.shop.root / "keys").mkdir()
        monkeypatch.setattr(Path, "iterdir", refuse)
        with pytest.raises(SigningError, match="keys' can't be read: Permission denied"):
            trusted_keys(["keys"], signed.shop.root)

    @pytest.mark.parametrize("places", ['""', '"ci.pub", " "'])
    def test_an_empty_name_is_not_every_key_of_the_project(
        self, signed: Signed, places: str
    ) -> None:
        """An empty name of a key is refused in configuration, on the command line and in code."""
        signed.shop.configure(CONFIG.replace("document", f"signed_by = [{places}]\ndocument"))
        assert "signed_by holds ''" in signed.shop.refused("gate")
        assert "it is empty" in signed.shop.refused("gate", "--signed-by", "")
        with pytest.raises(SigningError, match="names no public key"):
            trusted_keys([""], signed.shop.root)

    def test_a_threshold_needs_keys(self, signed: Signed) -> None:
        """A threshold without keys is refused, since it would want nothing."""
        for number in ("1", "2"):
            message = signed.shop.refused("gate", "--threshold", number)
            assert f"--threshold {number} needs --signed-by" in message
        signed.shop.configure(CONFIG.replace("document", "signed_by_threshold = 2\ndocument"))
        assert "signed_by_threshold = 2 needs signed_by" in signed.shop.refused("gate")

    def test_required_stages_need_no_open_final(self, signed: Signed) -> None:
        """The signature vouches for the record, by which the stages are judged again."""
        signed.shop.record({"shop.open": F})
        signed.sign()
        assert signed.gate() == 1
        assert signed.gate("--require", "api") == 0
        assert signed.gate("--require", "shop") == 1
        signed.record.write_text(signed.record.read_text("utf-8") + "\n", encoding="utf-8")
        assert signed.gate("--require", "api") == 10

    def test_what_was_changed_must_not_be_signed(self, signed: Signed) -> None:
        """The next action for a record that someone changed isn't to sign it."""
        assert (
            "sign it in the job that has the key"
            in signed.shop("gate", "--signed-by=ci.pub").stdout
        )
        signed.sign()
        signed.record.write_text(signed.record.read_text("utf-8") + "\n", encoding="utf-8")
        printed = signed.shop("gate", "--signed-by=ci.pub").stdout
        assert "don't sign what was changed: run" in printed
        assert "sign it in the job" not in printed

    def test_signing_is_the_next_action_only_if_it_opens_the_gate(self, signed: Signed) -> None:
        """If something FAILED or is BLOCKED, that must be fixed first, signed or not."""
        for verdict, status in ((F, 1), (B, 10)):
            signed.shop.record({"shop.open": verdict})
            unsigned = signed.shop("gate", "--signed-by=ci.pub")
            assert unsigned.exit_code == 10
            (action,) = _next(unsigned.stdout)
            assert "shop.open" in action
            assert action.endswith("; then sign the record of the new run")
            signed.sign()
            done = signed.shop("gate", "--signed-by=ci.pub")
            assert done.exit_code == status
            assert not any("sign" in action for action in _next(done.stdout))
        # A waiver that came later: now only the signature is missing.
        signed.shop.waive("shop.open")
        done = signed.shop("gate", "--signed-by=ci.pub")
        assert _next(done.stdout) == [
            "sign it again, with prodstatus sign: by today's rules it opens the gate"
        ]
        signed.sign()
        assert signed.gate() == 0

    def test_the_next_run_judges_the_same_release(self, signed: Signed) -> None:
        """The command to run again names the record's release, if the gate named none."""
        signed.sign()
        signed.record.write_text(signed.record.read_text("utf-8") + "\n", encoding="utf-8")
        again = "don't sign what was changed: run pytest -m production --target production"
        release = " --prodstatus-subject="
        done = signed.shop("gate", "--signed-by=ci.pub")
        assert _next(done.stdout) == [f"{again}{release}{RELEASE}"]
        done = signed.shop("gate", "--signed-by=ci.pub", "--subject", "v 42")
        assert _next(done.stdout)[0] == f"{again}{release}'v 42'"

    @pytest.mark.parametrize(
        "digest",
        [
            "md5:" + "5e" * 16, "sha1:" + "5e" * 20, "sha256:" + "5e" * 16, "sha256:" + "5g" * 32,
            "sha512:" + "5e" * 32, "sha256:" + "5e" * 32 + "\n5e", "sha224:" + "5e" * 28,
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("command", [("gate", "--signed-by=ci.pub"), ("sign", "--key=ci.key")])
    def test_a_digest_that_can_be_forged_is_refused(
        self, signed: Signed, command: tuple[str, ...], digest: str
    ) -> None:
        """SHA-2 in its full length alone: two images with one MD5 can be made."""
        message = signed.shop.refused(*command, "--subject-digest", digest)
        assert "algorithms, with the number of digits, are sha256 (64), sha384 (96)" in message

    @pytest.mark.parametrize("algorithm", [("sha384", 48), ("sha512", 64)])
    def test_longer_digests(self, signed: Signed, algorithm: tuple[str, int]) -> None:
        """The other algorithms by which registries name images."""
        digest = f"{algorithm[0]}:" + "5e" * algorithm[1]
        signed.sign("--subject-digest", digest)
        assert signed.gate("--subject-digest", digest) == 0
        assert signed.gate("--subject-digest", digest[:-1] + "0") == 10

    def test_no_name_makes_a_second_line(
        self, signed: Signed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A release or a reason with a line's end sets no variable, and gives no command."""
        from pytest_prodstatus.model.record import Subject

        forged = ("PRODSTATUS_OPEN=true", "open=true", "::error::x", "##vso[task.x]y")
        ends = ("\n", "\r", "\r\n", "\v", "\x85", "\u2028")
        evil = "v1" + "".join(f"{end}{line}" for end in ends for line in forged)
        output = signed.shop.root / "github-output"
        monkeypatch.setenv("GITHUB_OUTPUT", str(output))
        monkeypatch.setenv("PRODSTATUS_STATE_URL", f"sqlite:///{signed.shop.root}/state.db")
        signed.shop.record({"shop.open": F}, subject=Subject(release=evil))
        signed.sign()
        closed = [
            ("--subject", evil),
            ("--subject", f"{evil}2"),
            ("--run", evil),
            ("--commit", evil),
        ]
        override = ("--override", evil, "--by", evil, "--for", "1h")
        printed = []
        for args in (*closed, override):
            for form in ("text", "github", "azure", "nagios"):
                done = signed.shop("gate", "--signed-by=ci.pub", "--format", form, *args)
                printed += re.split(r"[\n\r\v\x85\u2028]", done.stdout)
            if args != override:
                printed += output.read_text("utf-8").splitlines()
                for name in ("dotenv", "azure", "github", "nagios"):
                    printed += signed.shop("export", name).stdout.splitlines()
        assert [line for line in printed if line.lstrip().startswith(forged)] == []
        assert any("v1 PRODSTATUS_OPEN=true" in line for line in printed)

    def test_an_override_opens_it_all_the_same(
        self, signed: Signed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A person may break the glass; that is recorded, and the sentence says so."""
        monkeypatch.setenv("PRODSTATUS_STATE_URL", f"sqlite:///{signed.shop.root}/state.db")
        done = signed.shop(
            "gate", "--signed-by", "ci.pub", "--override", "fix", "--by", "Ann", "--for", "1h"
        )
        assert done.exit_code == 0
        assert "open by an override" in done.stdout
        assert "the record isn't signed" in done.stdout


class TestAdd:
    """`prodstatus sign --add`: a signature is about everything that it stands under."""

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (("--subject-digest", DIGEST), ()),
            ((), ("--subject-digest", DIGEST)),
            (("--subject-digest", DIGEST), ("--subject-digest", DIGEST.replace("5e", "5f"))),
            (("--valid-for", "24h"), ("--valid-for", "10m")),
        ],
    )
    def test_only_what_it_would_say_itself(
        self, signed: Signed, first: tuple[str, ...], second: tuple[str, ...]
    ) -> None:
        """A statement about another release, or that holds longer, is refused."""
        signed.sign(*first)
        before = signed.file.read_bytes()
        message = signed.shop.refused("sign", "--add", "--key", "other.key", *second)
        assert "says otherwise than this record does now, or holds longer" in message
        assert signed.file.read_bytes() == before

    def test_not_what_an_untrusted_signer_made_up(self, signed: Signed) -> None:
        """An open decision about a FAILED record gets no second signature."""
        signed.shop.record({"shop.open": F})
        signed.sign()
        forged = json.loads(payload_of(signed.file.read_bytes()))
        forged["predicate"] |= {"open": True, "verdict": "CONFIRMED", "unmet": []}
        evil = signer_of(str(signed.shop.root / "other.key"))
        signed.file.write_bytes(sign(json.dumps(forged).encode(), [evil]))
        assert "says otherwise" in signed.shop.refused("sign", "--add", "--key", "ci.key")


class TestMeant:
    """Only the record that the job is about is signed, not one that took its place."""

    def test_of_another_run(self, signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
        """The job's run has an id; a made-up one is in no state store that could tell."""
        monkeypatch.setenv("PRODSTATUS_RUN_ID", "run-9")
        message = signed.shop.refused("sign", "--key", "ci.key")
        assert "is of run 'run-1', not of run 'run-9' (PRODSTATUS_RUN_ID)" in message
        assert not signed.file.exists()
        monkeypatch.setenv("PRODSTATUS_RUN_ID", "run-1")
        signed.sign()

    def test_about_another_release(self, signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
        """The job judges one release."""
        monkeypatch.setenv("PRODSTATUS_SUBJECT", "v42")
        message = signed.shop.refused("sign", "--key", "ci.key")
        assert "is about release 'v41', not 'v42', which is judged here" in message
        assert not signed.file.exists()
        monkeypatch.setenv("PRODSTATUS_SUBJECT", RELEASE)
        signed.sign()


class TestReplay:
    """An older verdict, which was true when it was signed."""

    def test_a_later_run_of_the_release_closes_it(
        self, signed: Signed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The state store knows that the release was judged again since."""
        monkeypatch.setenv("PRODSTATUS_STATE_URL", f"sqlite:///{signed.shop.root}/state.db")
        signed.sign()
        self.save(signed, id="run-0", started=NOW - 2 * HOUR)
        assert signed.gate() == 0
        self.save(signed, id="run-2", started=NOW - HOUR / 2)
        assert "a later run judged this release: run-2 began at" in signed.closed()
        # The gate that is asked about one run looks at that run alone.
        assert signed.gate("--run", "run-1") == 0
        assert signed.gate("--run", "run-2") == 10

    def test_other_releases_and_earlier_runs_do_not(
        self, signed: Signed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No run of a release that has another name replaces a verdict."""
        monkeypatch.setenv("PRODSTATUS_STATE_URL", f"sqlite:///{signed.shop.root}/state.db")
        signed.sign()
        self.save(signed, id="run-0", started=NOW - 2 * HOUR)
        self.save(signed, release="v42", id="run-3", started=NOW - HOUR / 2)
        self.save(signed, release=None, final="C", id="run-4", started=NOW - HOUR / 2)
        assert signed.gate() == 0

    def test_a_later_run_of_no_release_that_was_not_confirmed_does(
        self, signed: Signed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It may have judged this one."""
        monkeypatch.setenv("PRODSTATUS_STATE_URL", f"sqlite:///{signed.shop.root}/state.db")
        signed.sign()
        self.save(signed, release=None, id="run-2", started=NOW - HOUR / 2)
        assert "a later run judged the target without a release: run-2 began" in signed.closed()

    def test_a_store_that_does_not_exist_closes_it(
        self, signed: Signed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Made anew, it would know of no run, and let any older verdict open the gate."""
        signed.sign()
        monkeypatch.setenv("PRODSTATUS_STATE_URL", f"sqlite:///{signed.shop.root}/typo.db")
        assert f"there is no state store at {signed.shop.root}/typo.db" in signed.closed()
        assert not (signed.shop.root / "typo.db").exists()

    @pytest.mark.parametrize("statement", ["", "CREATE TABLE theirs (id)"])
    def test_a_file_that_is_no_store_closes_it(
        self, signed: Signed, monkeypatch: pytest.MonkeyPatch, statement: str
    ) -> None:
        """An emptied store and another program's would know of no run as well."""
        signed.sign()
        file = signed.shop.root / "state.db"
        file.touch()
        with closing(sqlite3.connect(file)) as other:
            other.execute(statement)
        before = file.read_bytes()
        monkeypatch.setenv("PRODSTATUS_STATE_URL", f"sqlite:///{file}")
        assert f"there is no state store at {file}" in signed.closed()
        assert file.read_bytes() == before

    def test_a_store_that_can_not_be_asked_closes_it(
        self, signed: Signed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """If the store can't say whether a later run exists, the gate closes."""
        signed.sign()
        (signed.shop.root / "state.db").write_bytes(b"not a database" * 100)
        monkeypatch.setenv("PRODSTATUS_STATE_URL", f"sqlite:///{signed.shop.root}/state.db")
        assert "what the state store knows of this run and release can't be read" in signed.closed()

    def save(
        self, signed: Signed, release: str | None = RELEASE, final: str = "F", **of: Any
    ) -> None:
        """Save a run of a release in the state store, which FAILED if `final` isn't "C"."""
        from pytest_prodstatus.model.record import Subject

        elsewhere = signed.shop.root / "elsewhere"
        made = signed.shop.record(
            {} if final == "C" else {"shop.open": F},
            folder=elsewhere,
            subject=Subject(release=release),
            **of,
        )
        url = f"sqlite:///{signed.shop.root}/state.db"
        with HistoryStore.open(url, signed.shop.root.name) as history:
            history.save(made)


class TestKnownToTheStore:
    """The state store keeps the record of each run, and whether it opened the gate."""

    @pytest.fixture
    def saved(self, signed: Signed, monkeypatch: pytest.MonkeyPatch) -> Signed:
        """A FAILED run that the store keeps, in a project that wants a signature."""
        url = f"sqlite:///{signed.shop.root}/state.db"
        monkeypatch.setenv("PRODSTATUS_STATE_URL", url)
        monkeypatch.setenv("PRODSTATUS_HISTORY", "1")
        signed.shop.configure(CONFIG.replace("document", 'signed_by = ["ci.pub"]\ndocument'))
        self.keep(signed, signed.shop.record({"shop.open": F}))
        return signed

    def keep(self, signed: Signed, made: Record) -> None:
        """Keep a run and its record in the store, as a run does."""
        place = f"sqlite:///{signed.shop.root}/state.db", signed.shop.root.name
        with HistoryStore.open(*place) as history, ArchiveStore.open(*place) as archive:
            history.save(made)
            archive.keep("production", made.run.id, write_record(made).encode())

    def unsigned(self, signed: Signed, made: Record) -> None:
        """Write and keep a record as that of a run that didn't sign."""
        made = replace(made, decision=made.decision.without_signature())
        signed.record.write_text(write_record(made), encoding="utf-8")
        self.keep(signed, made)

    def test_a_record_that_was_put_in_its_place_is_not_signed(self, saved: Signed) -> None:
        """A process that outlived the tests can write a good record with this run's id."""
        saved.sign()
        assert saved.shop("gate", "--run", "run-1").exit_code == 1
        saved.shop.record()
        message = saved.shop.refused("sign", "--key", "ci.key")
        known = "it is not the record that the state store keeps of run run-1, which ended FAILED"
        assert f"reports/status.json: {known}: don't sign what was changed" in message
        assert not saved.file.exists()

    @pytest.mark.parametrize("args", [(), ("--run", "run-1")])
    def test_it_opens_nothing_if_it_was_signed_elsewhere(
        self, saved: Signed, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
    ) -> None:
        """Where the store couldn't be asked; the gate asks its own."""
        saved.shop.record()
        with monkeypatch.context() as elsewhere:
            elsewhere.delenv("PRODSTATUS_STATE_URL")
            saved.sign()
            assert saved.gate(*args) == 0
        assert "it is not the record that the state store keeps of run run-1" in saved.closed(*args)

    def test_a_store_that_can_not_be_read_signs_nothing(self, saved: Signed) -> None:
        """And opens nothing, also for one run."""
        self.keep(saved, saved.shop.record())
        saved.sign()
        assert saved.gate("--run", "run-1") == 0
        (saved.shop.root / "state.db").write_bytes(b"not a database" * 100)
        assert "could not be read" in saved.shop.refused("sign", "--key", "ci.key")
        assert "can't be read" in saved.closed("--run", "run-1")

    def test_another_document_is_no_other_record(self, saved: Signed) -> None:
        """`render` may have written one with fewer fields since, and the record has its digest."""
        document = saved.shop.reports / "STATUS.md"
        document.write_text("# Status\n\n- **shop**: unknown\n", encoding="utf-8")
        before = saved.record.read_bytes()
        saved.shop("render")
        assert saved.record.read_bytes() != before
        assert "FAILED" in saved.sign()

    def test_a_shard_is_not_compared_with_another_one(self, saved: Signed) -> None:
        """Of several shards the store keeps the last; the merged record takes its place."""
        shop = saved.shop
        mine = shop.record(shard=True, started=NOW - HOUR / 2)
        for kept in (shop.record(shard=True, folder=shop.root / "b"), shop.record()):
            self.keep(saved, kept)
            saved.record.write_text(write_record(mine), encoding="utf-8")
            assert "closed" in saved.sign()
        self.keep(saved, mine)
        shop.record({"shop.open": F}, shard=True, started=NOW - HOUR / 2)
        assert "it is not the record" in shop.refused("sign", "--key", "ci.key")
        shop.record()  # not a shard, though the run had some
        assert "it is not the record" in shop.refused("sign", "--key", "ci.key")

    def test_the_history_knows_it_as_open_once_it_is_signed(self, saved: Signed) -> None:
        """Before, the gate was closed: `last-open` must not name what never opened it."""
        self.unsigned(saved, saved.shop.record(id="run-2", started=NOW - HOUR / 2))
        assert "knows no run of target production with an open gate" in saved.shop.refused("diff")
        saved.sign()
        later = saved.shop.record({"shop.open": F}, id="run-3", started=NOW - HOUR / 4)
        assert f"run {later.run.id}" in saved.shop("diff").stdout
        assert "run run-2" in saved.shop("diff").stdout

    def test_an_untrusted_or_lonely_signature_opens_nothing_there(self, saved: Signed) -> None:
        """The history follows the gate: by the configured keys, and their threshold."""
        shop = saved.shop
        self.unsigned(saved, shop.record(id="run-2", started=NOW - HOUR / 2))
        assert shop("sign", "--key", "other.key").exit_code == 0
        assert "knows no run" in shop.refused("diff")
        both = 'signed_by = ["ci.pub", "other.pub"]\nsigned_by_threshold = 2\ndocument'
        shop.configure(CONFIG.replace("document", both))
        saved.sign()
        assert "knows no run" in shop.refused("diff")
        assert shop("sign", "--key", "other.key", "--add").exit_code == 0
        shop.record({"shop.open": F}, id="run-3", started=NOW - HOUR / 4)
        assert "run run-2" in shop("diff").stdout


class TestMerge:
    """Shards are believed by the same rule."""

    def test_a_shard_without_a_signature_is_refused(self, signed: Signed) -> None:
        """One forged shard would be enough to open the gate."""
        shop = signed.shop
        shop.configure(CONFIG.replace("document", 'signed_by = ["ci.pub"]\ndocument'))
        shop.record({}, selected=("api.key",), folder=shop.root / "a", selection="--stage api")
        shop.record({}, selected=("shop.open",), folder=shop.root / "b", selection="--stage shop")
        assert shop("sign", "a/status.json", "--key", "ci.key").exit_code == 0
        assert "the record isn't signed" in shop.refused("merge", "a/status.json", "b/status.json")
        assert shop("sign", "b/status.json", "--key", "ci.key").exit_code == 0
        assert shop("merge", "a/status.json", "b/status.json").exit_code == 0

    def test_a_shard_after_which_its_release_was_judged_again_is_refused(
        self, signed: Signed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A shard that is older than a later run of its release is refused, as at the gate."""
        shop = signed.shop
        monkeypatch.setenv("PRODSTATUS_STATE_URL", f"sqlite:///{shop.root}/state.db")
        shop.configure(CONFIG.replace("document", 'signed_by = ["ci.pub"]\ndocument'))
        from pytest_prodstatus.model.record import Subject

        shop.record(folder=shop.root / "a", subject=Subject(release=RELEASE))
        assert shop("sign", "a/status.json", "--key", "ci.key").exit_code == 0
        TestReplay().save(signed, id="run-1", started=NOW - HOUR / 2)  # another shard of the run
        assert shop("merge", "a/status.json", "--output", "of-all.json").exit_code == 0
        TestReplay().save(signed, id="run-2", started=NOW - HOUR / 2)
        message = shop.refused("merge", "a/status.json")
        assert "a later run judged this release: run-2 began at" in message


# Forgeries.


def verified_elsewhere(bundle: bytes, public: bytes, record: bytes, now: datetime) -> bool:
    """Verify as another tool would: by DSSE, in-toto and cryptography alone, without our code."""
    try:
        data = json.loads(bundle)
        envelope = data["dsseEnvelope"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        kind = envelope["payloadType"]
        signatures = [base64.b64decode(s["sig"], validate=True) for s in envelope["signatures"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    if kind != "application/vnd.in-toto+json":
        return False
    key = load_pem_public_key(public)
    assert isinstance(key, Ed25519PublicKey)
    signed_bytes = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
    if not any(_accepts(key, signature, signed_bytes) for signature in signatures):
        return False
    statement = json.loads(payload)
    if statement["predicateType"] != PREDICATE_TYPE:
        return False
    digests = [s["digest"].get("sha256") for s in statement["subject"]]
    made = statement["predicate"]
    begins, ends = (
        datetime.fromisoformat(made[name].replace("Z", "+00:00"))
        for name in ("validFrom", "expires")
    )
    return (
        hashlib.sha256(record).hexdigest() in digests
        and made["open"]
        and begins - timedelta(minutes=5) <= now < ends
    )


def _accepts(key: Ed25519PublicKey, signature: bytes, signed_bytes: bytes) -> bool:
    try:
        key.verify(signature, signed_bytes)
    except InvalidSignature:
        return False
    return True


class Attack:
    """What an attacker has: a signed record of the past, its parts, and a key of his own."""

    def __init__(self, signed: Signed) -> None:
        shop = signed.shop
        signed.sign("--subject-digest", DIGEST)
        self.bundle = signed.file.read_bytes()
        self.record = signed.record.read_bytes()
        self.public = (shop.root / "ci.pub").read_bytes()
        self.own = signer_of(str(shop.root / "other.key"))
        self.keys = trusted_keys(["ci.pub"], shop.root)
        self.folder = shop.root / "forged"
        self.folder.mkdir()
        self.opened: list[str] = []
        self.tried = 0

    def attempt(
        self,
        what: str,
        *,
        bundle: bytes | None = None,
        record: bytes | None = None,
        now: datetime = NOW,
        keys: Keys | None = None,
        target: str = "production",
        agrees: bool = True,
    ) -> None:
        """Try a forgery, and note it if it opened the gate, or another verifier disagrees."""
        self.tried += 1
        bundle = self.bundle if bundle is None else bundle
        record = self.record if record is None else record
        (self.folder / "status.intoto.json").write_bytes(bundle)
        path = self.folder / "status.json"
        try:
            read = record_in(record, path)
        except UnreadableError:
            trusted = False
        else:
            try:
                made = vouched(
                    path, record, read, [keys or self.keys], target=target, project=None, now=now
                )
                trusted = made.predicate.open
            except UntrustedError:
                trusted = False
        if trusted:
            self.opened.append(what)
        if agrees and verified_elsewhere(bundle, self.public, record, now) is not trusted:
            self.opened.append(f"{what}: the other verifier disagrees")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value that isn't a container, and of every empty container."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, (dict, list)) and item:
            yield from leaves(item, (*path, key))
        else:
            yield (*path, key)


def changed(value: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """Return a copy in which the value at a path was changed."""
    made = copy.deepcopy(value)
    at = made
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = change(at[path[-1]])
    return made


def otherwise(value: Any) -> Any:
    """Return another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1:] != "0" else "1")
    return "x" if value is None else [*value, "x"] if isinstance(value, list) else {"x": "y"}


@pytest.mark.slow  # verifies thousands of signatures
def test_no_forgery_opens_the_gate(signed: Signed) -> None:
    """Of a thousand forgeries (changed, swapped, signed by another) none opens the gate."""
    attack = Attack(signed)
    assert attack.opened == []
    bundle = json.loads(attack.bundle)
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    statement = json.loads(payload)

    # Every byte of the attestation, and of the record under its signature.
    for at in range(len(attack.bundle)):
        flipped = bytearray(attack.bundle)
        flipped[at] ^= 1
        # Names of keys and hints are outside the signature: the gate is stricter than others.
        attack.attempt(f"attestation byte {at}", bundle=bytes(flipped), agrees=False)
    for at in range(0, len(attack.record), 7):
        flipped = bytearray(attack.record)
        flipped[at] ^= 1
        attack.attempt(f"record byte {at}", record=bytes(flipped))

    # Every field of the statement, under the old signature and under the attacker's.
    for path in leaves(statement):
        for change in (otherwise, lambda _: None, lambda _: "CONFIRMED"):
            forged = changed(statement, path, change)
            if forged == statement:
                continue
            text = json.dumps(forged, separators=(",", ":")).encode()
            kept = copy.deepcopy(bundle)
            kept["dsseEnvelope"]["payload"] = base64.b64encode(text).decode()
            attack.attempt(f"{path} under the old signature", bundle=json.dumps(kept).encode())
            attack.attempt(f"{path} signed by another key", bundle=sign(text, [attack.own]))

    # The envelope and its signatures.
    attack.attempt("signed by another key alone", bundle=sign(payload, [attack.own]))
    for name, part in {
        "no signatures": {"signatures": []},
        "payload type": {"payloadType": "text/plain"},
        "an empty payload": {"payload": ""},
    }.items():
        kept = copy.deepcopy(bundle)
        kept["dsseEnvelope"].update(part)
        attack.attempt(name, bundle=json.dumps(kept).encode())
    # The attacker's signature under the name of the trusted key, alone and beside its own.
    theirs = json.loads(sign(payload, [attack.own]))["dsseEnvelope"]["signatures"][0]
    ours = bundle["dsseEnvelope"]["signatures"][0]
    for name, signatures in {
        "another's signature under the trusted key's id": [{**theirs, "keyid": ours["keyid"]}],
        "two signatures of one id": [{**theirs, "keyid": ours["keyid"]}, ours],
    }.items():
        kept = copy.deepcopy(bundle)
        kept["dsseEnvelope"]["signatures"] = signatures
        attack.attempt(name, bundle=json.dumps(kept).encode(), agrees=False)
    for text in (b"", b"{}", b"null", b"[" * 100_000, b"\xff\xfe", b'{"mediaType": 1}'):
        attack.attempt(f"{text[:10]!r} as attestation", bundle=text)

    # A statement of another kind by the right key, another's record, another clock.
    right = signer_of(str(signed.shop.root / "ci.key"))
    test_result = (signed.shop.reports / "status.test-result.intoto.json").read_bytes()
    attack.attempt("the signed test result", bundle=test_result)
    for kind in ("https://slsa.dev/provenance/v1", PREDICATE_TYPE.replace("v1", "v2"), ""):
        text = json.dumps({**statement, "predicateType": kind}).encode()
        attack.attempt(f"a signed {kind or 'nothing'}", bundle=sign(text, [right]))
    # Of two equal keys or names, one verifier takes the first and another the last.
    twice = payload.replace(b'"open":true', b'"open":false,"open":true')
    assert twice != payload
    attack.attempt("a key twice in the payload", bundle=sign(twice, [right]), agrees=False)
    both = [{"name": "status.json", "digest": {"sha256": "5e" * 32}}, *statement["subject"]]
    text = json.dumps({**statement, "subject": both}).encode()
    attack.attempt("two records in one statement", bundle=sign(text, [right]), agrees=False)
    text = attack.bundle.replace(b'"payload":', b'"payload": "e30=", "payload":')
    assert text != attack.bundle
    attack.attempt("a key twice in the bundle", bundle=text, agrees=False)
    for worse in ({"api.key": F}, {"shop.open": B}):
        signed.shop.record(worse, folder=signed.shop.root / "worse")
        swapped = (signed.shop.root / "worse/status.json").read_bytes()
        attack.attempt("another record under the signature", record=swapped)
    for after in (-timedelta(days=400), -timedelta(minutes=6), 24 * HOUR, timedelta(days=400)):
        attack.attempt(f"asked {after} later", now=NOW + after)
    attack.attempt("asked about another target", target="staging", agrees=False)
    few = trusted_keys(["ci.pub", "other.pub"], signed.shop.root, threshold=2)
    attack.attempt("one of two signatures", keys=few, agrees=False)

    assert attack.opened == []
    assert attack.tried > 1_000
    attack.attempt("nothing is forged")
    assert attack.opened == ["nothing is forged"]


def _rewritten(bundle: dict[str, Any], **parts: Any) -> bytes:
    """Return a bundle with other parts of its envelope."""
    return json.dumps({**bundle, "dsseEnvelope": bundle["dsseEnvelope"] | parts}).encode()


def _spelled_otherwise(text: str) -> Iterator[str]:
    """Yield other spellings of a base64 text, which lenient decoders read as the same bytes."""
    yield from (f"{text}\n", f" {text}", f"{text[:40]}\r\n{text[40:]}", f"{text}====", f"{text}!")
    if text.rstrip("=") != text:
        yield text.rstrip("=")
        last = text.rstrip("=")[-1]  # only its upper bits count
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        other = alphabet[alphabet.index(last) ^ 1]
        yield text.rstrip("=")[:-1] + other + "=" * text.count("=")
    if set(text) & set("+/"):
        yield text.replace("+", "-").replace("/", "_")


def test_no_other_spelling_opens_the_gate(signed: Signed) -> None:
    """What another verifier could read otherwise is refused, also under the right signature."""
    signed.sign("--subject-digest", DIGEST)
    bundle = json.loads(signed.file.read_bytes())
    envelope = bundle["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"])
    statement = json.loads(payload)
    (ours,) = envelope["signatures"]
    right = signer_of(str(signed.shop.root / "ci.key"))

    def restated(**parts: Any) -> bytes:
        """Return a statement with another predicate, signed by the right key."""
        made = {**statement, "predicate": statement["predicate"] | parts}
        return sign(json.dumps(made).encode(), [right])

    without_end = {k: v for k, v in statement["predicate"].items() if k != "expires"}
    extra = {"name": "v99", "digest": {"sha256": "5e" * 32}}
    forged: dict[str, bytes] = {
        "signatures twice": signed.file.read_bytes().replace(
            b'"signatures":', b'"signatures": [], "signatures":'
        ),
        "a BOM": b"\xef\xbb\xbf" + signed.file.read_bytes(),
        "UTF-16": signed.file.read_bytes().decode().encode("utf-16"),
        "trailing bytes": signed.file.read_bytes() + b"{}",
        "two bundles": signed.file.read_bytes() * 2,
        "the keyid of another": _rewritten(bundle, signatures=[{**ours, "keyid": "5e" * 32}]),
        "no keyid": _rewritten(bundle, signatures=[{"sig": ours["sig"]}]),
        "an unknown part": _rewritten(bundle, signatures=[{**ours, "cert": "x"}]),
        "an envelope alone": json.dumps(envelope).encode(),
        "a statement that isn't an object": sign(b"[]", [right]),
        "a payload with a BOM": sign(b"\xef\xbb\xbf" + payload, [right]),
        "a payload with trailing bytes": sign(payload + b"{}", [right]),
        "no end": sign(json.dumps({**statement, "predicate": without_end}).encode(), [right]),
        "a subject more": sign(
            json.dumps({**statement, "subject": [*statement["subject"], extra]}).encode(), [right]
        ),
        "the record's digest under another name": sign(
            json.dumps(
                {**statement, "subject": [{**statement["subject"][0], "name": "STATUS.JSON"}]}
            ).encode(),
            [right],
        ),
    }
    for media in ("v0.1", "v0.2", "v0.4", "V0.3"):
        kind = f"application/vnd.dev.sigstore.bundle.{media}+json"
        forged[f"bundle {media}"] = json.dumps({**bundle, "mediaType": kind}).encode()
    certificate = {"rawBytes": base64.b64encode(b"certificate").decode()}
    key = bundle["verificationMaterial"]["publicKey"]
    for name, material in {
        "a certificate": {"certificate": certificate},
        "a certificate beside the key": {"certificate": certificate, "publicKey": key},
        "a chain": {"x509CertificateChain": {"certificates": [certificate]}},
        "a time stamp": {"publicKey": key, "timestampVerificationData": {}},
    }.items():
        forged[name] = json.dumps({**bundle, "verificationMaterial": material}).encode()
    for kind in ("application/vnd.in-toto+JSON", "Application/vnd.in-toto+json", " x", ""):
        forged[f"payload type {kind!r}"] = _rewritten(bundle, payloadType=kind)
    for end in (
        None, "", "never", 4102444800, "2099-01-01", "2099-01-01T00:00:00",
        "10000-01-01T00:00:00Z", "2099-02-30T00:00:00Z", "2026-11-22T13:59:00+02:00",
    ):  # fmt: skip
        forged[f"an end of {end!r}"] = restated(expires=end)
    for spelling in _spelled_otherwise(envelope["payload"]):
        forged[f"payload …{spelling[-6:]!r}"] = _rewritten(bundle, payload=spelling)
    for spelling in _spelled_otherwise(ours["sig"]):
        signatures = [{**ours, "sig": spelling}]
        forged[f"signature …{spelling[-6:]!r}"] = _rewritten(bundle, signatures=signatures)
    opened = []
    for name, content in forged.items():
        signed.file.write_bytes(content)
        if signed.gate() == 0:
            opened.append(name)
        else:
            assert signed.closed().count("status.intoto.json: ") == 1
    assert opened == []
    # The same instant, in the words of another zone, is no forgery.
    signed.file.write_bytes(restated(expires="2026-11-23T14:00:00+02:00"))
    assert signed.gate() == 0


def test_one_key_never_counts_as_two(signed: Signed) -> None:
    """Not by two signatures, by two names of its file, by two encodings, or by another's id."""
    root = signed.shop.root
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (root / "rsa.key").write_bytes(private)
    for name, form in {"a": PublicFormat.SubjectPublicKeyInfo, "b": PublicFormat.PKCS1}.items():
        (root / f"rsa-{name}.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, form))
    two = ("--threshold", "2")
    done = signed.shop.refused("gate", *two, "--signed-by=rsa-a.pub", "--signed-by=rsa-b.pub")
    assert "1 public key, and 2 must have signed" in done
    (root / "link.pub").symlink_to("ci.pub")
    done = signed.shop.refused("gate", *two, "--signed-by=ci.pub", "--signed-by=link.pub")
    assert "1 public key, and 2 must have signed" in done
    signed.sign()
    signed.sign("--add")
    bundle = json.loads(signed.file.read_bytes())
    (ours, *_) = bundle["dsseEnvelope"]["signatures"]
    other = trusted_keys(["other.pub"], root).keys[0].keyid
    both = ("gate", *two, "--signed-by=ci.pub", "--signed-by=other.pub")
    for signatures in ([ours, ours], [ours, {**ours, "keyid": other}], [{**ours, "keyid": other}]):
        signed.file.write_bytes(_rewritten(bundle, signatures=signatures))
        answer = signed.shop(*both)
        assert answer.exit_code == 10
        assert "rule untrusted): " in answer.stdout
    assert signed.shop("sign", "--key=ci.key", "--key=other.key").exit_code == 0
    assert signed.shop(*both).exit_code == 0


@pytest.mark.parametrize("end", [b"\n", b"\0", b" ", b"{}"])
@pytest.mark.parametrize("begins", [True, False])
def test_bytes_around_the_record(signed: Signed, end: bytes, *, begins: bool) -> None:
    """A record with anything before or after it isn't the one that was signed."""
    signed.sign()
    record = signed.record.read_bytes()
    for more in (end, b"\xef\xbb\xbf"):
        signed.record.write_bytes(more + record if begins else record + more)
        assert signed.gate() == 10


def test_a_record_that_is_swapped_while_it_is_read(
    signed: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes that are judged are those that were signed: a link is followed once."""
    signed.sign()
    good = signed.record.rename(signed.shop.reports / "good.json")
    signed.shop.record({"shop.open": F}, folder=signed.shop.root / "bad")
    bad = signed.shop.root / "bad/status.json"

    def link(to: Path) -> None:
        signed.record.unlink(missing_ok=True)
        signed.record.symlink_to(to)

    def swapping(path: Path, **limit: Any) -> bytes:
        if path == signed.file:
            link(good)
        return read_file(path, **limit)

    link(bad)
    with monkeypatch.context() as racing:
        racing.setattr("pytest_prodstatus.signing.read_file", swapping)
        assert "the record isn't the one that was signed" in signed.closed()
    assert signed.record.resolve() == good
    assert signed.gate() == 0


def test_another_project_s_record_of_the_same_target(signed: Signed) -> None:
    """Two services with the same stages may share a key, and open nothing for one another."""
    shop = signed.shop
    shop.configure(f'[project]\nname = "payouts"\n{CONFIG}')
    shop.record()
    signed.sign()
    assert signed.gate() == 0
    shop.configure(f'[project]\nname = "orders"\n{CONFIG}')
    assert "it is about project 'payouts', not 'orders'" in signed.closed()
    shop.configure(CONFIG)
    assert "it is about project 'payouts', not None" in signed.closed()
    shop.configure(CONFIG.replace('id = "shop"', 'id = "shop"\nvalid_for = "2h"'))
    shop.record()
    signed.sign()
    shop.configure(CONFIG.replace("open", "sold"))
    assert "rule catalogue)" in shop.closed("--signed-by", "ci.pub")


def test_pae_is_the_specification_s(signed: Signed) -> None:
    """A verifier that isn't ours accepts what we sign, and knows neither its end nor its record."""
    attack = Attack(signed)
    assert verified_elsewhere(attack.bundle, attack.public, attack.record, NOW)
    assert json.loads(attack.bundle)["dsseEnvelope"]["payloadType"] == PAYLOAD_TYPE


def test_no_other_record_of_a_known_run_is_taken_for_it(
    signed: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No field of it may change, not even by who has the right key, but the document's digest."""
    shop = signed.shop
    monkeypatch.setenv("PRODSTATUS_STATE_URL", f"sqlite:///{shop.root}/state.db")
    made = shop.record({"shop.open": B})
    TestKnownToTheStore().keep(signed, made)
    original = json.loads(signed.record.read_bytes())
    accepted, tried = set(), 0
    for path in leaves(original):
        content = json.dumps(changed(original, path, otherwise)).encode()
        try:
            record = record_in(content, signed.record)
        except UnreadableError:
            continue
        if record != made and (record.run.id, record.run.target) == ("run-1", "production"):
            tried += 1
            accepted |= set() if KnownRuns(shop.root).other_record(content, record) else {path}
    # What calls itself a shard opens no gate.
    assert accepted == {("document",), ("run", "shard")}
    assert tried > 20


@pytest.mark.slow  # runs a process
def test_nothing_is_imported_without_a_key(shop: Shop) -> None:
    """A project without keys imports nothing for signatures."""
    import subprocess
    import sys

    shop.record()
    code = (
        "import sys; from pytest_prodstatus.cli.main import main\n"
        "try: main(['gate'])\n"
        "except SystemExit: pass\n"
        "print(sorted(m for m in sys.modules if m.startswith(('securesystemslib', 'cryptography',"
        " 'pytest_prodstatus.signing', 'pytest_prodstatus.model.attestation'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=shop.root, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert config_in(shop.root).signed_by == ()
