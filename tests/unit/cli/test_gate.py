"""`prodstatus gate`: its input, its output in each form, and its exit status."""

from __future__ import annotations

import json
import os
import re
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from pytest_prodstatus import clock, store
from pytest_prodstatus.model.record import Override
from pytest_prodstatus.model.verdict import Kind
from pytest_prodstatus.writers.exports import Export
from tests.unit.cli.conftest import NAMES, Kept, Shop
from tests.unit.given import HOSTILE, HOUR, NOW, B, F, reason

SCHEMA = json.loads((files("pytest_prodstatus") / "schema" / "gate-v1.json").read_text("utf-8"))
DIED = reason("worker gw0 died", Kind.CRASH)


class TestRecords:
    """Which record is read, and which records close the gate because of the file."""

    def test_the_usual_one(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        """The target's record is found from any folder of the project."""
        shop.record()
        shop.record({"api.key": B}, target="eu", folder=shop.reports / "eu")
        (shop.root / "deep" / "er").mkdir(parents=True)
        for folder in (shop.root, shop.root / "deep/er"):
            monkeypatch.chdir(folder)
            assert shop("gate").exit_code == 0
            assert shop("gate", "--target", "eu").exit_code == 10
        monkeypatch.chdir("/")
        assert shop("gate", "--root", shop.root).exit_code == 0

    def test_by_name(self, shop: Shop) -> None:
        """A record may be named, in any folder."""
        shop.record({"api.key": F}, folder=shop.root / "a")
        shop.record(folder=shop.root / "b")
        assert shop("gate", "a/status.json").exit_code == 1
        assert shop("gate", "b/status.json").exit_code == 0

    @pytest.mark.parametrize(
        ("names", "status"), [("cc", 0), ("cb", 10), ("bc", 10), ("fb", 1), ("bf", 1), ("cf", 1)]
    )
    def test_of_several_each_must_be_open(self, shop: Shop, names: str, status: int) -> None:
        """One closed record closes the gate; FAILED counts before BLOCKED."""
        for name, worse in {"c": {}, "b": {"api.key": B}, "f": {"api.key": F}}.items():
            shop.record(worse, folder=shop.root / name)
        done = shop("gate", *(f"{name}/status.json" for name in names))
        assert done.exit_code == status
        assert done.stdout.count("gate open" if status == 0 else "gate closed") >= 1

    def test_there_is_none(self, shop: Shop) -> None:
        """Without a record the gate is closed, and a sentence names the place and what to do."""
        done = shop("gate", "--target", "eu")
        assert done.exit_code == 10
        assert done.stdout.splitlines() == [
            (
                "gate closed (target eu, rule unreadable): there is no record at "
                f"{shop.reports}/eu/status.json"
            ),
            "  reports/eu/status.json",
            "Why:",
            f"  unreadable: there is no record at {shop.reports}/eu/status.json",
            "Next:",
            "  1. run pytest -m production --target eu",
        ]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "not a readable record (it may be cut short)"),
            ('{"schema": 1, "run"', "not a readable record (it may be cut short)"),
            ("[]", "not a record: it names no schema version"),
            ('{"schema": 3}', "the record's schema 3 is newer than this release reads (2)"),
            ('{"schema": 2}', "not a valid record: the record has no field 'run'"),
            ("\udcff", "can't be read: 'utf-8' codec can't decode byte"),
        ],
    )
    def test_one_that_can_not_be_read(self, shop: Shop, text: str, message: str) -> None:
        """A record that is empty, cut short, newer or no record at all closes the gate."""
        shop.reports.mkdir()
        (shop.reports / "status.json").write_bytes(text.encode("utf-8", "surrogateescape"))
        assert message in shop.closed()

    def test_cut_short_anywhere(self, shop: Shop) -> None:
        """Half a record never opens the gate."""
        shop.record()
        path = shop.reports / "status.json"
        text = path.read_text(encoding="utf-8").rstrip()
        for length in range(0, len(text), 97):
            path.write_text(text[:length], encoding="utf-8")
            assert "it may be cut short" in shop.closed()

    def test_a_folder(self, shop: Shop) -> None:
        """A folder in the record's place closes the gate."""
        assert "can't be read: it is a folder, not a file" in shop.closed(".")

    def test_of_a_run_in_progress(self, shop: Shop) -> None:
        """The record of a run that is in progress, or was killed, closes the gate."""
        shop.record(finished=None)
        assert "run run-1 has been in progress for 60 min, or was killed" in shop.closed()

    @pytest.mark.parametrize(
        ("before", "after", "message"),
        [
            (('"verdict": "BLOCKED",\n  "reason": "API STATUS: seen to be BLOCKED",\n'
             '  "kind": "observed",\n  "remedy": null'),
             '"verdict": "CONFIRMED",\n  "reason": null,\n  "kind": null,\n  "remedy": null',
             "FINAL is called CONFIRMED, but computed as BLOCKED"),
            ('"open": false', '"open": true', "its decision is open, but FINAL is BLOCKED"),
        ],
    )  # fmt: skip
    def test_one_that_was_edited(self, shop: Shop, before: str, after: str, message: str) -> None:
        """A verdict or decision that was edited by hand is judged again."""
        shop.record({"api.key": B})
        shop.edit(before, after)
        assert "BLOCKED  api.key: seen" in shop("gate").stdout
        assert message in shop.closed()

    def test_evidence_is_required_since(self, shop: Shop) -> None:
        """Evidence that today's configuration requires is required of an older record too."""
        shop.record()
        assert shop("gate").exit_code == 0
        text = (shop.root / "pyproject.toml").read_text(encoding="utf-8")
        required = "[tool.prodstatus]\nrequire_evidence = true"
        shop.configure(text.replace("[tool.prodstatus]", required))
        assert "it passed without recording evidence" in shop.closed()

    def test_another_catalogue(self, shop: Shop) -> None:
        """Of another catalogue only a difference that matters for a verdict closes the gate."""
        shop.record()
        text = (shop.root / "pyproject.toml").read_text(encoding="utf-8")
        shop.configure(text.replace('["open"]', '["open"]\nconfirmed = "It is open."'))
        assert shop("gate").exit_code == 0
        shop.configure(text.replace('["key"]', '["key", "fast"]'))
        sentence = shop.closed()
        assert "the record was made with another catalogue than the declared one" in sentence
        assert "api.fast BLOCKED" not in sentence
        assert "api.fast: the record doesn't contain it" in shop("gate").stdout

    @pytest.mark.parametrize(
        "rule",
        ['foreign_status = "ignore"', "require_history = true", 'ephemeral = ["production"]'],
    )
    def test_other_rules_for_the_whole_run(self, shop: Shop, rule: str) -> None:
        """What these rules let pass isn't in the record, so other rules need another run."""
        strict = (shop.root / "pyproject.toml").read_text(encoding="utf-8")
        ruled = strict.replace("[tool.prodstatus]", f"[tool.prodstatus]\n{rule}")
        shop.configure(ruled)
        shop.record()
        assert shop("gate").exit_code == 0
        shop.configure(strict)
        assert "the record was made with another catalogue" in shop.closed()
        shop.record()
        assert shop("gate").exit_code == 0
        shop.configure(ruled)
        assert "the record was made with another catalogue" in shop.closed()


class TestQuery:
    """The options that restrict which record opens the gate."""

    def test_all_options(self, shop: Shop) -> None:
        """A record that meets all of them opens the gate."""
        shop.record()
        done = shop(
            "gate", "--target", "production", "--subject", "v1", "--commit", "0123456789abcdef",
            "--run", "run-1", "--max-age", "1s", "--require", "api, shop", "--check-document",
        )  # fmt: skip
        assert done.exit_code == 0
        assert done.stdout.startswith("gate open (target production): stages api, shop CONFIRMED\n")

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (["--target", "eu", "reports/status.json"], "is about target 'production', not 'eu'"),
            (["--subject", "v2"], "is about release 'v1', not 'v2'"),
            (["--run", "run-2"], "the record is of run 'run-1', not of run 'run-2'"),
            (["--commit", "fedcba98"], "the suite that ran is 0123456789ab, but commit 'fedcba98'"),
        ],
    )
    def test_another_record_than_required(self, shop: Shop, args: list[str], message: str) -> None:
        """A record that doesn't meet a condition closes with 10, even if it says FAILED."""
        shop.record({"api.key": F})
        assert message in shop.closed(*args)

    def test_the_run_of_the_environment(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        """The id with which pytest ran is required; the option goes first."""
        shop.record()
        monkeypatch.setenv("PRODSTATUS_RUN_ID", "run-2")
        assert shop.closed().startswith("gate closed (target production, rule run): the record is")
        assert "PRODSTATUS_RUN_ID=run-2 pytest -m production" in shop("gate").stdout
        assert shop("gate", "--run", "run-1").exit_code == 0

    def test_of_several_records_each_must_be_of_the_run(self, shop: Shop) -> None:
        """One record of another run closes the gate."""
        shop.record(folder=shop.root / "a")
        shop.record(folder=shop.root / "b", id="run-2")
        records = ("a/status.json", "b/status.json")
        assert shop("gate", *records).exit_code == 0
        assert shop("gate", *records, "--run", "run-1").exit_code == 10
        assert shop("gate", records[0], "--run", "run-1").exit_code == 0

    def test_a_shard(self, shop: Shop) -> None:
        """A shard closes the gate, and the output says what to do."""
        shop.record(shard=True)
        assert "rule shard" in shop.closed("--run", "run-1")
        assert "1. merge the shards of the run with prodstatus merge" in shop("gate").stdout

    def test_the_age_is_measured_now(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        """A record's age is measured when the gate is asked, not when it was written."""
        shop.record()
        monkeypatch.setattr(clock, "now", lambda: NOW + 25 * HOUR)
        assert "the record is 25 h old, and may be at most 1d (--max-age)" in shop.closed()
        assert "api.key BLOCKED: it was CONFIRMED 25 h ago" in shop.closed("--max-age", "2d")

    def test_less_than_everything(self, shop: Shop) -> None:
        """With --require, only these stages and those that they require are judged."""
        shop.record({"shop.open": F})
        assert shop("gate", "--require", "api").exit_code == 0
        assert "stages shop FAILED" in shop.closed("--require", "shop", status=1)

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (["--require", "api,shops"], "'shops': there is no such stage; stages are api, shop"),
            (["--require", " , "], "--require ',': it names no stage"),
            (["--max-age", "0s"], "'0s' lasts no time: write a number from 1"),
            (["--require", ""], "'--require': it is empty; leave the option out"),
            (["--subject", " "], "'--subject': it is empty; leave the option out"),
            (["--run", ""], "'--run': it is empty; leave the option out"),
            (["--commit", ""], "'--commit': it is empty; leave the option out"),
            (["--target", ""], "'--target': '': use letters"),
            (["--target", "a/b"], "'--target': 'a/b': use letters"),
            (["--max-age", "1 day"], "'--max-age': '1 day' is not a duration: write a whole"),
            (["--max-age", "0h"], "'--max-age': '0h' lasts no time"),
            (["--format", "xml"], "'xml' is not one of 'text', 'json', 'github'"),
            (["--override", "x"], "an override needs all three: --override REASON --by NAME"),
            (["--by", "Ann", "--for", "2h"], "an override needs all three"),
            (["--nothing"], "No such option"),
        ],
    )
    def test_unusable_options(self, shop: Shop, args: list[str], message: str) -> None:
        """A usage error, with the value and what would do."""
        shop.record()
        assert message in shop.refused("gate", *args)

    def test_a_configuration_that_can_not_be_used(self, shop: Shop) -> None:
        """An unreadable configuration, or a waiver in it that isn't whole, is a usage error."""
        shop.record()
        shop.waive("api.key", expires="'tomorrow'")
        assert "waiver of 'api.key': expires = 'tomorrow' must be a date" in shop.refused("gate")
        (shop.root / "pyproject.toml").write_bytes(b"prodstatus \xff")
        assert "pyproject.toml: can't be read" in shop.refused("gate")


class TestWaivers:
    """In pyproject.toml."""

    def test_open(self, shop: Shop) -> None:
        """The output says what is waived, by whom and until when."""
        shop.record({"api.key": F})
        shop.waive("api.key")
        done = shop("gate")
        assert done.exit_code == 0
        lines = done.stdout.splitlines()
        assert lines[0] == "gate open, 1 waived (target production): FINAL FAILED"
        assert lines[2:] == [
            "Waived:",
            "  FAILED   api.key: the bank is closed",
            "           accepted by Ann until 2026-12-02 00:00 UTC",
        ]

    @pytest.mark.parametrize(
        ("name", "expires", "message"),
        [
            ("api.keys", "2026-12-01", "the waiver of 'api.keys' (Ann) is about no criterion"),
            ("api.key", "2026-11-21", "(Ann) expired on 2026-11-22 00:00 UTC"),
            ("api.key", "2027-12-01", "which is more than 30d ahead (waiver_max)"),
        ],
    )
    def test_one_that_breaks_a_rule(
        self, shop: Shop, name: str, expires: str, message: str
    ) -> None:
        """A waiver that breaks a rule closes a gate that would be open."""
        shop.record()
        shop.waive(name, expires)
        assert message in shop.closed()


class TestDocument:
    """`--check-document`."""

    def test_untouched_or_a_person_s(self, shop: Shop) -> None:
        """A document is accepted if only text that isn't a field was changed."""
        shop.record()
        shop.edit("# Production status", "# My shop", "STATUS.md")
        assert shop("gate", "--check-document").exit_code == 0

    def test_edited(self, shop: Shop) -> None:
        """The field is named; without the option the document isn't read."""
        shop.record({"api.key": B})
        shop.waive("api.key")
        shop.edit("**API STATUS:** **BLOCKED**", "**API STATUS:** **CONFIRMED**", "STATUS.md")
        sentence = shop.closed("--check-document")
        assert "the status document reports/STATUS.md is not the record's: its field" in sentence
        assert "'API STATUS' was edited by hand and says '**CONFIRMED**" in sentence
        assert shop("gate").exit_code == 0

    def test_gone(self, shop: Shop) -> None:
        """A missing document, or one that can't be read, closes the gate."""
        shop.record()
        path = shop.reports / "STATUS.md"
        path.unlink()
        assert "is not the record's: it is missing" in shop.closed("--check-document")
        path.mkdir()
        assert "it can't be read: it is a folder, not a file" in shop.closed("--check-document")

    def test_elsewhere(self, shop: Shop) -> None:
        """A document outside the run's folder is checked too."""
        config = (shop.root / "pyproject.toml").read_text(encoding="utf-8")
        shop.configure(config.replace('"STATUS.md"', '"docs/STATUS.md"'))
        shop.record()
        assert shop("gate", "--check-document").exit_code == 0
        (shop.root / "docs/STATUS.md").unlink()
        assert "docs/STATUS.md is not the record's" in shop.closed("--check-document")


class TestOverride:
    """A person opens the gate for hours; the state store keeps it."""

    WORD = ("--override", "the fix itself", "--by", "Ann", "--for", "2h")

    def test_given(self, shop: Shop, kept: Kept) -> None:
        """An override opens the gate at once, is printed loudly, and is kept."""
        shop.record({"api.key": F})
        done = shop("gate", *self.WORD)
        assert done.exit_code == 0
        opened = "Ann opened the gate of production until 2026-11-22 14:00 UTC"
        assert done.stdout.splitlines()[:2] == [
            f"OVERRIDE: {opened}, regardless of the verdict: the fix itself",
            (
                "gate open by an override (target production): FINAL FAILED: "
                "api.key FAILED: seen to be FAILED"
            ),
        ]
        assert "It would be closed:" in done.stdout
        assert kept.kept == [
            Override(
                target="production", reason="the fix itself", who="Ann",
                since=NOW, until=NOW + 2 * HOUR,
            )
        ]  # fmt: skip

    def test_shown_until_it_has_ended(
        self, shop: Shop, kept: Kept, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each decision about its target shows an override until its end, even without a record."""
        shop("gate", *self.WORD)
        done = shop("gate")
        assert (done.exit_code, done.stdout[:10]) == (0, "OVERRIDE: ")
        shop.record()
        done = shop("gate")
        assert (done.exit_code, done.stdout[:10]) == (0, "OVERRIDE: ")
        assert "gate open (target production): FINAL CONFIRMED" in done.stdout
        shop.closed("--target", "eu")
        monkeypatch.setattr(clock, "now", lambda: NOW + 2 * HOUR)
        assert "OVERRIDE" not in shop("gate").stdout

    @pytest.mark.parametrize(
        "wrong",
        [
            ("--threshold", "2"),
            ("--signed-by", "missing.pub"),
            ("--subject-digest", f"sha256:{'0' * 64}"),
            ("--require", "nothing"),
            ("--export", "nothing"),
        ],
        ids=lambda words: words[0][2:],
    )
    def test_a_usage_error_opens_nothing(
        self, shop: Shop, kept: Kept, wrong: tuple[str, str]
    ) -> None:
        """No override is kept or taken back by a command that ends with a usage error."""
        shop.record()
        shop.refused("gate", *self.WORD, *wrong)
        assert kept.kept == []
        shop("gate", *self.WORD)
        shop.refused("gate", "--take-back", "done", "--by", "Ann", *wrong)
        assert shop("gate").stdout.startswith("OVERRIDE: ")

    def test_the_longest_counts(self, shop: Shop, kept: Kept) -> None:
        """Of several overrides in force, the one that ends last counts."""
        for hours in ("1h", "3h", "2h"):
            shop("gate", *self.WORD[:-1], hours)
        assert len(kept.kept) == 3
        assert "until 2026-11-22 15:00 UTC" in shop("gate").stdout

    def test_no_longer_than_a_day(self, shop: Shop, kept: Kept) -> None:
        """An override of more than a day is refused, and nothing is kept."""
        assert "--for 25h: an override lasts at most 1d" in shop.refused(
            "gate", *self.WORD[:-1], "25h"
        )
        assert kept.kept == []
        assert shop("gate", *self.WORD[:-1], "24h").exit_code == 0

    def test_without_the_state_store(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        """The error says what to install; a decision is made without overrides."""
        monkeypatch.setattr(store, "LIBRARIES", ("a_library_that_is_not_installed",))
        assert "pip install 'pytest-prodstatus[state]'" in shop.refused("gate", *self.WORD)
        shop.record()
        assert shop("gate").stderr == ""
        monkeypatch.setenv("PRODSTATUS_STATE_URL", "sqlite:////state")
        done = shop("gate")
        assert done.exit_code == 0
        assert done.stderr == (
            "prodstatus: PRODSTATUS_STATE_URL is set, and the state store isn't installed\n"
        )

    def test_the_real_store(self, shop: Shop) -> None:
        """An override in the default file counts from then on, and for no other target."""
        assert shop("gate", *self.WORD).exit_code == 0
        done = shop("gate")
        assert (done.exit_code, done.stdout[:10], done.stderr) == (0, "OVERRIDE: ", "")
        shop.closed("--target", "eu")

    def test_a_store_that_can_not_be_reached(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The gate goes by the record and says so; an override that can't be kept opens nothing."""
        monkeypatch.setenv("PRODSTATUS_STATE_URL", "mysql://ann:secret@nowhere/x")
        shop.record()
        done = shop("gate")
        assert done.exit_code == 0
        assert done.stderr.startswith("prodstatus: overrides can't be looked for: ")
        message = shop.refused("gate", *self.WORD)
        assert "the override can't be kept, so it isn't in force: " in message
        assert "secret" not in done.stderr + message


class TestForms:
    """JSON for programs, annotations for GitHub."""

    @pytest.mark.parametrize(
        "case", ["open", "closed", "missing", "waived", "overridden", "several", "required"]
    )
    def test_json(self, shop: Shop, kept: Kept, case: str) -> None:
        """Valid by its schema for every decision; it contains the exit status."""
        args: list[str] = []
        if case != "missing":
            shop.record(
                {"api.key": F} if case != "open" else {}, incidents=(DIED,) * (case == "closed")
            )
        if case == "waived":
            shop.waive("api.key")
        if case == "overridden":
            shop("gate", *TestOverride.WORD)
        if case == "several":
            args = ["reports/status.json", "nope.json"]
        if case == "required":
            args = ["--require", "shop", "--subject", "v1", "--commit", "0123456"]
        done = shop("gate", "--format", "json", *args)
        message = json.loads(done.stdout)
        jsonschema.Draft202012Validator(SCHEMA).validate(message)
        assert message["exit_code"] == done.exit_code
        assert message["open"] is (done.exit_code == 0)
        assert (
            message["records"][0]["sentence"]
            == shop("gate", *args).stdout.splitlines()[1 if case == "overridden" else 0]
        )

    def test_json_in_full(self, shop: Shop) -> None:
        """The JSON of a closed gate has everything that closes it."""
        shop.record({"api.key": F})
        message = json.loads(shop("gate", "--format", "json").stdout)
        assert message["at"] == "2026-11-22T12:00:00.000Z"
        assert message["asked"] == {
            "target": "production", "subject": None, "commit": None, "run": None,
            "max_age_s": 86400, "require": [],
        }  # fmt: skip
        (decision,) = message["records"]
        assert decision["record"] == "reports/status.json"
        assert decision["run"]["id"] == "run-1"
        assert (decision["verdict"], decision["decision"]) == ("FAILED", "closed")
        assert decision["rules"] == ["verdict"]
        assert decision["causes"] == [
            {
                "verdict": "FAILED", "kind": "observed", "reason": "seen to be FAILED",
                "remedy": None, "ids": ["api.key"], "stages": ["api"],
                "affected": ["shop", "final"],
            }
        ]  # fmt: skip
        assert decision["actions"] == ["fix api.key: seen to be FAILED"]

    def test_github(self, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Annotations on the terminal; outputs and a summary are added to their files."""
        output, summary = tmp_path / "output", tmp_path / "summary"
        output.write_text("before=1\n", encoding="utf-8")
        monkeypatch.setenv("GITHUB_OUTPUT", str(output))
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
        shop.record({"api.key": F})
        done = shop("gate", "--format", "github")
        assert done.exit_code == 1
        assert [line for line in done.stdout.splitlines() if line.startswith("::")] == [
            "::error title=gate closed (rule verdict)::api.key FAILED: seen to be FAILED",
            (
                "::error title=gate::gate closed (target production, rule verdict): FINAL FAILED: "
                "api.key FAILED: seen to be FAILED"
            ),
        ]
        assert output.read_text(encoding="utf-8") == (
            "before=1\nopen=false\nverdict=FAILED\nexit_code=1\nrules=verdict\n"
        )
        assert summary.read_text(encoding="utf-8").startswith("## Deploy gate\n\n```text\n")

    def test_github_files_that_end_without_a_line_break(
        self, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The gate's lines begin on a new line, even if another program's last one has no end."""
        output = tmp_path / "output"
        output.write_text("before=1", encoding="utf-8")
        monkeypatch.setenv("GITHUB_OUTPUT", str(output))
        shop.record()
        shop("gate", "--format", "github")
        assert output.read_text(encoding="utf-8").startswith("before=1\nopen=true\n")

    def test_azure(self, shop: Shop) -> None:
        """Logging commands of the decision; without a record they say that it is closed."""
        done = shop("gate", "--format", "azure")
        assert done.exit_code == 10
        assert "##vso[task.setvariable variable=open;isoutput=true]false\n" in done.stdout
        assert done.stdout.endswith("##vso[task.complete result=Failed]BLOCKED, not judged\n")
        shop.record()
        end = "##vso[task.complete result=Succeeded]CONFIRMED until 2026-11-23 12:00 UTC\n"
        assert shop("gate", "--format", "azure").stdout.endswith(end)
        several = shop("gate", "reports/status.json", "nope.json", "--format", "azure")
        assert several.stdout.count("task.complete") == 1
        assert "task.complete result=Failed]" in several.stdout
        assert "variable=until;isoutput=true]\n" in several.stdout

    def test_exports(self, shop: Shop) -> None:
        """Each form beside the record is of the gate's own decision, its conditions included."""
        forms = ("--export", "dotenv", "--export", "junit")
        shop.record()
        variables, junit = shop.reports / "prodstatus.env", shop.reports / "junit.xml"
        assert shop("gate", *forms).exit_code == 0
        assert "PRODSTATUS_OPEN=true\n" in variables.read_text(encoding="utf-8")
        for condition in (["--commit", "f" * 40], ["--subject", "v9"], ["--run", "other"]):
            shop.closed(*forms, *condition)
            assert "PRODSTATUS_OPEN=false\n" in variables.read_text(encoding="utf-8")
            assert "<error" in junit.read_text(encoding="utf-8")
        assert shop("gate", "reports/status.json", "nope.json", *forms).exit_code == 10
        assert "PRODSTATUS_OPEN=true\n" in variables.read_text(encoding="utf-8"), "its own"

    def test_exports_of_several_records(self, shop: Shop) -> None:
        """Each has its own; two records in one folder would hide one another's."""
        for name, worse in {"eu": {"api.key": F}, "us": {}}.items():
            shop.record(worse, folder=shop.root / name)
        args = ["gate", "--export", "dotenv"]
        assert shop(*args, "eu/status.json", "us/status.json").exit_code == 1
        texts = [(shop.root / n / "prodstatus.env").read_text("utf-8") for n in ("eu", "us")]
        assert ["PRODSTATUS_OPEN=true" in text for text in texts] == [False, True]
        (shop.root / "eu/status.json").rename(shop.root / "us/eu.json")
        message = shop.refused(*args, "us/eu.json", "us/status.json")
        assert "us/eu.json and us/status.json are in one: keep each" in message

    def test_an_export_replaces_a_link(self, shop: Shop) -> None:
        """Something in the suite may have put one into the output folder."""
        shop.record()
        precious = shop.root / "precious"
        precious.write_text("x", encoding="utf-8")
        (shop.reports / "prodstatus.env").symlink_to(precious)
        assert shop("gate", "--export", "dotenv").exit_code == 0
        assert precious.read_text(encoding="utf-8") == "x"
        assert not (shop.reports / "prodstatus.env").is_symlink()

    @pytest.mark.parametrize("fault", ["record", "option", "form"])
    def test_old_exports_are_removed(
        self, shop: Shop, fault: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After any error no form of an earlier decision is left."""
        shop.record()
        args = ["gate", "reports/status.json", "--export", "dotenv"]
        assert shop(*args).exit_code == 0
        status = 2
        if fault == "record":
            (shop.reports / "status.json").unlink()
            status = 10
        if fault == "option":
            args += ["--require", "nothing"]
        if fault == "form":
            broken = Export(file="prodstatus.env", about="", write=lambda _: str(1 / 0))
            monkeypatch.setattr("pytest_prodstatus.cli.export.load_export", lambda _: broken)
            status = 0
        done = shop(*args)
        assert done.exit_code == status, done.output
        assert not (shop.reports / "prodstatus.env").exists()
        assert ("broken: ZeroDivisionError" in done.stderr) is (fault == "form")

    @pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt(), ValueError("a | b\nc")])
    def test_a_plugin_that_breaks_is_unknown(
        self, shop: Shop, error: BaseException, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Python's own status 1 would be WARNING, as if only a waiver were to be looked at."""

        def fail(*_: object) -> None:
            raise error

        monkeypatch.setattr("pytest_prodstatus.cli.gate.active_override", fail)
        done = shop("gate", "--format", "nagios")
        assert done.exit_code == 3
        assert done.stdout.startswith(f"PRODSTATUS UNKNOWN: {type(error).__name__}")
        assert done.stdout.count("\n") == 1
        assert "|" not in done.stdout
        assert shop("gate", "--format", "nagios", "--blocked-critical").exit_code == 2
        assert shop("gate").exit_code == 1

    def test_an_old_export_that_can_not_be_removed(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An old form that can't be removed is named, and the decision stands."""
        shop.record()
        assert shop("gate", "--export", "dotenv").exit_code == 0
        (shop.reports / "status.json").unlink()

        def refuse(_: Path, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "unlink", refuse)
        done = shop("gate", "--export", "dotenv")
        assert done.exit_code == 10
        assert (
            "prodstatus.env can't be removed (Permission denied): remove what an earlier"
            in done.stderr
        )

    def test_an_export_never_replaces_the_record(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A form of another package that claims the record's name is refused."""
        assert "'none' is not a form" in shop.refused("gate", "--export", "none")
        same = {"junit": "x.xml", "ctrf": "X.xml"}
        with monkeypatch.context() as patch:
            patch.setattr(
                "pytest_prodstatus.cli.export.load_export",
                lambda name: Export(file=same[name], about="", write=lambda _: "x"),
            )
            why = shop.refused("gate", "--export", "junit", "--export", "ctrf")
        assert "--export junit, ctrf: two of them write one file" in why
        shop.record()
        before = (shop.reports / "status.json").read_bytes()
        claims = Export(file="status.json", about="", write=lambda _: "x")
        monkeypatch.setattr("pytest_prodstatus.cli.export.load_export", lambda _: claims)
        done = shop("gate", "--export", "x", "reports/status.json")
        assert done.exit_code == 2
        assert "is a file that the run wrote" in done.output
        assert (shop.reports / "status.json").read_bytes() == before

    def test_github_files_can_not_be_written(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """If GitHub's files can't be written, the decision stands all the same."""
        monkeypatch.setenv("GITHUB_OUTPUT", os.fspath(shop.root))
        shop.record()
        done = shop("gate", "--format", "github")
        assert done.exit_code == 0
        assert "GITHUB_OUTPUT can't be written" in done.stderr

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_hostile_reasons(self, shop: Shop, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """With any text as a reason, each line stays one line, and no command is forged."""
        summary = shop.root / "summary"
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
        shop.record(incidents=(reason(f"::error::{text}\n::set-output name=open::true"),))
        done = shop("gate", "--format", "github")
        assert done.exit_code == 10
        commands = [line for line in done.stdout.splitlines() if line.startswith("::")]
        assert [command.partition(" ")[0] for command in commands] == ["::error", "::error"]
        fences = summary.read_text(encoding="utf-8").splitlines().count("```")
        assert fences == 1

    def test_hostile_ids(self, shop: Shop) -> None:
        """With any text as a criterion's id, each line stays one line."""
        shop.record({"api.key": F}, names=(*NAMES, "api.more"))
        hostile = r"api.more\n::set-output name=open::true\u001b[2J"
        shop.edit('"id":"api.more"', f'"id":"{hostile}"')
        for args in ([], ["--format", "github"]):
            out = shop("gate", *args).stdout
            assert "\x1b" not in out
            assert not [line for line in out.splitlines() if line.startswith("::set-output")]
            assert r"api.more ::set-output name=open::true\x1b[2J" in out

    def test_ten_thousand_causes(self, shop: Shop) -> None:
        """The text stays short and says how many there are."""
        config = (shop.root / "pyproject.toml").read_text(encoding="utf-8")
        names = tuple(f"api.c{n}" for n in range(50))
        shop.configure(config.replace('["key"]', json.dumps([n[4:] for n in names])))
        shop.record(dict.fromkeys(names, F), names=(*names, "shop.open"), selected=("shop.open",))
        lines = shop("gate").stdout.splitlines()
        assert len(lines) < 12
        assert "and 30 more: seen to be FAILED" in "\n".join(lines)


def test_help_has_examples_and_the_exit_statuses(shop: Shop) -> None:
    """The help of gate, merge and render has examples; the gate's has its exit statuses."""
    for command in ("gate", "merge", "render"):
        done = shop(command, "--help")
        assert done.exit_code == 0
        assert "Examples" in done.stdout
        assert f"  prodstatus {command}" in done.stdout
    assert "10  closed: BLOCKED" in shop("gate", "--help").stdout
    assert {"gate", "merge", "render"} <= set(shop("--help").stdout.split())


class TestMonitor:
    """With `--format nagios`, a monitor always has an answer."""

    @pytest.mark.parametrize(
        ("args", "words"),
        [
            (["--run", "last-open"], "--run 'last-open': a run's id has at most"),
            (["--require", "nosuch"], "nosuch"),
            (["--nosuch"], "No such option"),
            (["--max-age", "soon"], "--max-age"),
            (["--target", "a/b"], "'a/b': use letters"),
        ],
    )
    @pytest.mark.parametrize("form", [["--format", "nagios"], ["--format=nagios"]], ids=str)
    def test_a_usage_error_is_unknown(
        self, shop: Shop, form: list[str], args: list[str], words: str
    ) -> None:
        """A usage error is UNKNOWN on one line of standard output, in this form alone."""
        shop.record()
        done = shop("gate", *args, *form)
        assert done.exit_code == 3
        assert done.stdout.startswith("PRODSTATUS UNKNOWN: ")
        assert words in done.stdout
        assert len(done.stdout.splitlines()) == 1
        assert shop("gate", *args).exit_code == 2

    def test_help_is_no_error(self, shop: Shop) -> None:
        """The help ends with 0 in this form too."""
        assert shop("gate", "--format", "nagios", "--help").exit_code == 0

    def test_each_record_has_its_own_label(self, shop: Shop) -> None:
        """Each record has a label of its own, even if one file is given twice."""
        for name in ("a", "b"):
            shop.record(folder=shop.root / name)
        done = shop("gate", "a/status.json", "b/status.json", "a/status.json", "--format=nagios")
        labels = re.findall(r"'([^']*)'=", done.stdout.splitlines()[0])
        assert labels == [
            "production a/status.json", "production b/status.json", "production a/status.json 3"
        ]  # fmt: skip
        assert "'production'=" in shop("gate", "a/status.json", "--format=nagios").stdout
