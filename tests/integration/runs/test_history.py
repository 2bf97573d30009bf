"""A run saves its history in the state store, and reports if it can't."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

# Whole, and here: `pytester` takes away what its inner runs import first, which these can't bear.
pytest.importorskip("alembic.command")
pytest.importorskip("sqlalchemy.dialects.sqlite")

from pytest_prodstatus import clock, store
from pytest_prodstatus.cli.main import main
from pytest_prodstatus.cli.overrides import save_override
from pytest_prodstatus.model.record import Override
from pytest_prodstatus.store import StateUnavailable, statements
from pytest_prodstatus.store.history import RECORD, ArchiveStore, HistoryStore
from pytest_prodstatus.store.overrides import Overrides
from pytest_prodstatus.store.statements import make_durable
from tests.integration.project import CONFIG, SERIAL, SHOP, XDIST, Project, Ran

MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
PASSING = {"test_api.py": "@api\ndef test_a(): pass\n", "test_shop.py": SHOP}
FAILED = {"test_api.py": "@api\ndef test_a(): assert 0, 'it broke'\n"}
REQUIRED = CONFIG.replace("[tool.prodstatus]", "[tool.prodstatus]\nrequire_history = true", 1)
NAMED = f'[project]\nname = "our-store"\n{CONFIG}'


@pytest.fixture
def url(project: Project, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a store for this test, to which its runs save."""
    address = f"sqlite:///{project.root / 'state' / 'store.sqlite3'}"
    monkeypatch.setenv("PRODSTATUS_STATE_URL", address)
    monkeypatch.setenv("PRODSTATUS_HISTORY", "1")
    return address


@pytest.fixture
def no_store(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a store to which nothing can be saved."""
    Path(url.removeprefix("sqlite:///")).parent.write_text("not a folder", encoding="utf-8")
    return url


def kept(url: str, project: str, target: str = "production") -> list[tuple[str, str, bool]]:
    """Return the runs that a store has: id, FINAL, open; the newest first."""
    with HistoryStore.open(url, project) as history:
        return [(run.run, run.final.value, run.open) for run in history.look_back(target).runs]


@MODES
def test_every_finished_run_is_kept(project: Project, url: str, mode: tuple[str, ...]) -> None:
    """Each finished run is kept once, under its project's name, with the record's verdicts."""
    project.write({**PASSING, "pyproject.toml": NAMED})
    first = project.run(*mode)
    project.write(FAILED)
    second = project.run(*mode)
    assert (first.status, second.status) == (0, 1)
    assert kept(url, "our-store") == [
        (second.record["run"]["id"], "FAILED", False),
        (first.record["run"]["id"], "CONFIRMED", True),
    ]
    assert "history" not in first.out


def test_without_a_name_it_is_the_folder_s(project: Project, url: str) -> None:
    """A project that has no name is called by its folder."""
    project.write(PASSING)
    project.run("--target=demo")
    assert len(kept(url, project.root.name, "demo")) == 1


@MODES
def test_a_history_that_cant_be_saved_says_so(
    project: Project, no_store: str, mode: tuple[str, ...]
) -> None:
    """One line reports it; verdict, record and gate are the same as otherwise."""
    project.write(PASSING)
    ran = project.run(*mode)
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    (line,) = [line for line in ran.out.splitlines() if "could not be" in line]
    assert line.startswith("The history at sqlite")
    assert line.endswith(".")
    assert ran.last_line.startswith("FINAL CONFIRMED")


@MODES
def test_a_required_history_that_cant_be_saved_closes_the_gate(
    project: Project, no_store: str, mode: tuple[str, ...]
) -> None:
    """With require_history the run is BLOCKED, in every output, with the reason."""
    project.write({**PASSING, "pyproject.toml": REQUIRED})
    ran = project.run(*mode)
    assert (ran.status, ran.final) == (10, "BLOCKED")
    assert ran.record["decision"]["open"] is False
    assert "could not be" in ran.record["final"]["reason"]
    assert "FINAL STATUS:** **BLOCKED**" in (ran.document or "")
    assert "could not be" in (ran.page or "")
    ran.check_coherent()


def test_a_required_history_that_is_switched_off_closes_the_gate(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Switching off a required history closes the gate too."""
    monkeypatch.setenv("PRODSTATUS_HISTORY", "0")
    project.write({**PASSING, "pyproject.toml": REQUIRED})
    ran = project.run()
    assert (ran.status, ran.final) == (10, "BLOCKED")
    assert ran.record["final"]["kind"] == "missing-config"
    assert "unset PRODSTATUS_HISTORY" in ran.out


def test_without_the_extra_a_run_is_silent_unless_it_is_required(
    project: Project, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project without a history gets no line about it."""
    monkeypatch.setattr(store, "LIBRARIES", ("sqlalchemy", "no_such_library"))
    project.write(PASSING)
    ran = project.run()
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    assert "history" not in ran.out
    project.write({"pyproject.toml": REQUIRED})
    ran = project.run()
    assert (ran.status, ran.final) == (10, "BLOCKED")
    assert "pip install 'pytest-prodstatus[state]'" in ran.out
    assert not (project.root / "state").exists()


def test_an_odd_failure_costs_no_record(
    project: Project, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If saving fails in any way, the judged run is written and the fault is named."""

    def broken(*_: object) -> None:
        msg = "an error of an unknown kind"
        raise LookupError(msg)

    monkeypatch.setattr(HistoryStore, "save", broken)
    project.write(PASSING)
    ran = project.run()
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    assert "can't be saved: LookupError: an error of an unknown kind" in ran.out


def test_a_record_that_cant_be_written_is_no_open_run_in_the_history(
    project: Project, url: str
) -> None:
    """The history keeps what the outputs showed in the end."""
    project.write({**PASSING, "reports": "not a folder"})
    ran = project.run()
    assert ran.status == 11
    ((_, final, opened),) = kept(url, project.root.name)
    assert (final, opened) == ("BLOCKED", False)


def test_switched_off_nothing_is_imported_or_made(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With PRODSTATUS_HISTORY=0 and no store there is no SQLAlchemy in the process."""
    monkeypatch.setenv("PRODSTATUS_HISTORY", "0")
    conftest = """
    import sys
    def pytest_unconfigure():
        print("\\nsqlalchemy" if "sqlalchemy" in sys.modules else "\\nnothing")
    """
    project.write({**PASSING, "conftest.py": conftest})
    _, out, _ = project.run_piped()
    assert out.splitlines()[-1] == "nothing"
    assert not (project.root / ".state").exists()


IMPORTED = """
import sys
def pytest_unconfigure():
    print("\\n", sorted({"sqlalchemy", "alembic"} & set(sys.modules)))
"""


@MODES
def test_a_run_is_saved_without_sqlalchemy(
    project: Project, monkeypatch: pytest.MonkeyPatch, mode: tuple[str, ...]
) -> None:
    """A run is saved in the user's own file without SQLAlchemy, with an override in force too."""
    monkeypatch.setenv("PRODSTATUS_HISTORY", "1")
    project.write({**PASSING, "conftest.py": IMPORTED})
    for number in range(3):
        ran = project.run_alone(*mode)  # what the warm process imported would be named too
        assert (ran.status, ran.out.splitlines()[-1]) == (0, " []"), ran.out + ran.err
        assert ("OVERRIDE" in ran.out) is (number == 2)
        if number == 1:
            save_override(override(), project.root)
    file = project.root / ".state" / "prodstatus" / "state.sqlite3"
    scope = store.scope_of({}, project.root.name, project.root)
    assert len(kept(f"sqlite:///{file}", scope)) == 3


def override() -> Override:
    """Return an override for the next hour."""
    now = clock.now()
    return Override(
        target="production", reason="x", who="Ana", since=now, until=now + timedelta(hours=1)
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_runs_at_the_same_time_are_all_kept(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs in folders of their own, which find no store, are all kept; the store is private."""
    monkeypatch.setenv("PRODSTATUS_HISTORY", "1")
    project.write(PASSING)
    command = [sys.executable, "-m", "pytest", *(f"-pno:{name}" for name in project.lean)]
    runs = [
        subprocess.Popen(
            [*command, f"--prodstatus-dir=out-{number}"],
            cwd=project.root,
            umask=0,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for number in range(4)
    ]
    outs = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0] * 4, outs
    assert not [out for out in outs if "could not be" in out or "can't be" in out]
    file = project.root / ".state" / "prodstatus" / "state.sqlite3"
    scope = store.scope_of({}, project.root.name, project.root)
    assert len(kept(f"sqlite:///{file}", scope)) == 4
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (file, file.parent)]
    assert modes == [0o600, 0o700]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that no user may write")
@pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
def test_a_home_that_can_not_be_written(
    project: Project, monkeypatch: pytest.MonkeyPatch, mode: tuple[str, ...]
) -> None:
    """One line reports it; the run, its record and its exit status don't change."""
    monkeypatch.setenv("PRODSTATUS_HISTORY", "1")
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/missing")
    project.write(PASSING)
    ran = project.run(*mode)
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    (line,) = [line for line in ran.out.splitlines() if "could not be" in line]
    assert line.startswith("The history at sqlite+pysqlite:////proc/missing/prodstatus/state")


def test_a_full_disk_costs_the_history_alone(
    project: Project, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the store's disk is full, one line reports it, and the store is as it was.

    A run may still fit when its record doesn't: then the line is about the archive.
    """
    project.write(PASSING)
    project.run()

    def full(connection: sqlite3.Connection) -> None:
        make_durable(connection)
        connection.execute("PRAGMA max_page_count = 1")  # SQLite makes it the present size

    for number in range(60):
        with monkeypatch.context() as patch:
            patch.setattr(statements, "make_durable", full)
            ran = project.run()
        assert (ran.status, ran.final) == (0, "CONFIRMED")
        lines = [line for line in ran.out.splitlines() if "free some space there" in line]
        assert len(lines) <= 1
        lost = [line for line in lines if line.startswith("The history at sqlite")]
        assert all(line.startswith("The archive of records at sqlite") for line in lines) or lost
        assert len(kept(url, project.root.name)) == number + 1 + (not lost)
        if lost:
            break
    assert len(lost) == 1


def test_the_command_needs_no_sqlalchemy(project: Project, url: str) -> None:
    """`prodstatus history` reads a SQLite file without SQLAlchemy."""
    project.write(PASSING)
    project.run()
    code = (
        "import sys; from pytest_prodstatus.cli.main import main\n"
        "try: main(['history'])\n"
        "finally: print(sorted({'sqlalchemy', 'alembic'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project.root, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert "its newest 1 run" in done.stdout


def test_nothing_of_it_is_imported_before_the_run_is_judged(project: Project, url: str) -> None:
    """A run with a history has no SQLAlchemy in its process while its tests run."""
    test = "@api\ndef test_a(): assert 'sqlalchemy' not in sys.modules\n"
    project.write({**PASSING, "test_api.py": test})
    status, out, _ = project.run_piped()
    assert status == 0, out
    assert len(kept(url, project.root.name)) == 1


@pytest.mark.parametrize("value", ["no", "2", "off"])
def test_an_odd_switch_is_a_usage_error(
    project: Project, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """A PRODSTATUS_HISTORY other than 0 or 1 is refused in one sentence, before anything runs."""
    monkeypatch.setenv("PRODSTATUS_HISTORY", value)
    project.write(PASSING)
    ran = project.run()
    assert ran.status == 4
    assert f"PRODSTATUS_HISTORY={value!r}: set it to 0" in ran.err


def test_a_fresh_machine_learns_the_past(project: Project, url: str) -> None:
    """In a new folder, the record has the former runs and dates from the store."""
    project.write(PASSING)
    first = project.run()
    project.write(FAILED)
    second = project.run()
    for path in project.folder.iterdir():
        path.unlink()
    third = project.run()
    assert [past["run"] for past in third.record["history"]] == [
        first.record["run"]["id"],
        second.record["run"]["id"],
    ]
    api = third.stages["api"]
    assert (api["since"], api["previous"]) == (second.record["run"]["started"], "CONFIRMED")


@MODES
@pytest.mark.parametrize("switch", ["0", "1"])
def test_an_override_is_in_every_report(
    project: Project,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    mode: tuple[str, ...],
    switch: str,
) -> None:
    """An override is on the terminal, in record and document until it ends, with any output off."""
    monkeypatch.setenv("PRODSTATUS_HISTORY", switch)
    now = clock.now()
    word = Override(
        target="production",
        reason="the *fix* itself",
        who="Ana Lima",
        since=now - timedelta(hours=1),
        until=now + timedelta(hours=1),
    )
    ended = Override(
        target="production", reason="an old one", who="Ben", since=word.since, until=now
    )
    with Overrides.open(url, project.root.name) as overrides:
        overrides.add(word)
        overrides.add(ended)
    project.write({**PASSING, **FAILED})
    ran = project.run(*mode, "-q")
    assert ran.status == 1
    line = f"OVERRIDE until {word.until:%Y-%m-%d %H:%M} UTC, by Ana Lima: the *fix* itself"
    assert line in ran.out
    assert ran.last_line.startswith("FINAL FAILED")
    (override,) = ran.record["overrides"]
    assert (override["who"], override["reason"]) == ("Ana Lima", "the *fix* itself")
    assert f"by Ana Lima: the {chr(92)}*fix{chr(92)}* itself" in (ran.document or "")
    assert "an old one" not in ran.out
    assert project.run("--target=demo").out.count("OVERRIDE") == 0


def test_an_override_is_reported_without_a_terminal(project: Project, url: str) -> None:
    """With `-p no:terminal` an override is printed to standard error."""
    now = clock.now()
    hour = timedelta(hours=1)
    with Overrides.open(url, project.root.name) as overrides:
        overrides.add(
            Override(target="production", reason="x", who="Ana", since=now - hour, until=now + hour)
        )
    project.write(PASSING)
    assert "prodstatus: OVERRIDE until" in project.run("-p", "no:terminal").err


class TestFolders:
    """In the user's own file a project is its name and folder; in a named store, its name."""

    @pytest.fixture
    def own(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The user's own file, to which runs are saved."""
        monkeypatch.setenv("PRODSTATUS_HISTORY", "1")
        monkeypatch.delenv("PRODSTATUS_STATE_URL", raising=False)
        monkeypatch.setenv("XDG_STATE_HOME", str(project.root / "home"))
        return store.default_file()

    def checkout(self, project: Project, name: str, files: dict[str, str]) -> Ran:
        """Run a project in a folder of its own."""
        project.write({f"{name}/{file}": text for file, text in files.items()})
        folder = project.root / name / "reports"
        return project.run(f"--prodstatus-root={name}", name, folder=folder)

    def test_two_checkouts_have_two_histories(self, project: Project, own: Path) -> None:
        """Two checkouts have a history each, and neither has the other's former verdict."""
        healthy = {**PASSING, "pyproject.toml": NAMED}
        first = self.checkout(project, "a", healthy)
        second = self.checkout(project, "b", {**healthy, **FAILED})
        assert (first.status, second.status) == (0, 1)
        assert second.stages["api"]["previous"] is None
        assert second.record["history"] == []
        for name, verdict in (("a", "CONFIRMED"), ("b", "FAILED")):
            scope = store.scope_of({}, "our-store", project.root / name)
            ((_, final, _),) = kept(f"sqlite:///{own}", scope)
            assert final == verdict

    def test_checkouts_share_a_store_that_is_named(self, project: Project, url: str) -> None:
        """A fresh checkout at another path knows its former verdict from there."""
        healthy = {**PASSING, "pyproject.toml": NAMED}
        assert self.checkout(project, "a", healthy).status == 0
        second = self.checkout(project, "b", {**healthy, **FAILED})
        assert second.stages["api"]["previous"] == "CONFIRMED"
        assert "another project has the same name" not in second.out

    def test_another_project_of_the_same_name_is_noticed(self, project: Project, url: str) -> None:
        """If none of its stages is in the run before, two projects share a name."""
        assert self.checkout(project, "a", {**PASSING, "pyproject.toml": NAMED}).status == 0
        other = {
            "pyproject.toml": NAMED.replace('"api"', '"bank"').replace('"shop"', '"teller"'),
            "test_bank.py": '@pytest.mark.stage("bank")\ndef test_a(): pass\n',
            "test_teller.py": '@pytest.mark.stage("teller")\ndef test_b(): pass\n',
        }
        ran = self.checkout(project, "b", other)
        assert ran.status == 0
        assert "so another project has the same name" in ran.out
        assert "another project has the same name" not in self.checkout(project, "b", other).out

    def test_the_key_switches_it_off(
        self, project: Project, own: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With history = false nothing is saved, unless the variable is 1."""
        off = NAMED.replace("[tool.prodstatus]", "[tool.prodstatus]\nhistory = false", 1)
        project.write({**PASSING, "pyproject.toml": off})
        monkeypatch.delenv("PRODSTATUS_HISTORY")
        assert project.run().status == 0
        assert not own.exists()
        monkeypatch.setenv("PRODSTATUS_HISTORY", "1")
        assert project.run().status == 0
        assert own.exists()

    def test_a_history_can_not_be_off_and_required(self, project: Project) -> None:
        """Both keys at once are a usage error."""
        both = REQUIRED.replace("require_history", "history = false\nrequire_history", 1)
        project.write({**PASSING, "pyproject.toml": both})
        ran = project.run()
        assert ran.status == 4
        assert "history = false contradicts require_history = true" in ran.err


def test_merged_shards_are_one_run(
    project: Project, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shards save themselves under one id, and their merged record replaces them."""
    monkeypatch.setenv("PRODSTATUS_RUN_ID", "job-7")
    project.write(PASSING)
    for stage in ("api", "shop"):
        project.run(f"--stage={stage}", f"--prodstatus-dir={stage}")
    assert kept(url, project.root.name) == [("job-7", "BLOCKED", False)]
    monkeypatch.chdir(project.root)
    done = CliRunner().invoke(main, ["merge", "api/status.json", "shop/status.json"])
    assert done.exit_code == 0, done.output
    assert kept(url, project.root.name) == [("job-7", "CONFIRMED", True)]


def test_the_command_prints_what_a_run_saved(
    project: Project, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`prodstatus history` and a run have the same project."""
    project.write({**PASSING, "pyproject.toml": NAMED})
    project.run()
    monkeypatch.chdir(project.root)
    done = CliRunner().invoke(main, ["history", "--json"])
    history = json.loads(done.output)
    assert (history["project"], len(history["runs"])) == ("our-store", 1)
    assert [stage["id"] for stage in history["stages"]] == ["api", "shop", "final"]


def test_a_target_that_is_made_anew_has_no_earlier_run(project: Project, url: str) -> None:
    """Nothing is carried over to a target that is made anew, and it has no history."""
    declared = REQUIRED.replace("require_history", 'ephemeral = ["demo"]\nrequire_history')
    project.write({"pyproject.toml": declared, **PASSING})
    for target, verdict, runs in (("demo", "BLOCKED not-run", 0), ("other", "CONFIRMED", 1)):
        given, folder = ("--prodstatus-target", target), project.folder / target
        assert project.run(*given, folder=folder).final == "CONFIRMED"
        part = project.run(*given, "--stage", "shop", folder=folder)
        assert part.verdicts["api.a"] == verdict
        assert len(part.record["history"]) == runs
        assert bool(kept(url, project.root.name, target)) == bool(runs)


@MODES
def test_the_record_of_a_run_is_kept(project: Project, url: str, mode: tuple[str, ...]) -> None:
    """A run's record is kept byte for byte, with what changed since the last open gate."""
    project.write({**PASSING, "pyproject.toml": NAMED})
    first = project.run(*mode)
    project.write(FAILED)
    second = project.run(*mode)
    content = (project.root / "reports/status.json").read_bytes()
    with ArchiveStore.open(url, "our-store") as archive:
        assert archive.files("production", second.record["run"]["id"]) == {RECORD: content}
        assert archive.files("production", first.record["run"]["id"])
    assert "since_open" not in first.record
    since = second.record["since_open"]
    assert since["run"]["run"] == first.record["run"]["id"]
    assert {item["id"]: item["change"] for item in since["criteria"]}["api.a"] == "introduced"


def test_a_record_that_cant_be_kept_says_so(
    project: Project, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line reports it; verdict, record, history and gate are the same as otherwise."""

    def refuse(*_: object) -> None:
        msg = "The archive is full: free some space there."
        raise StateUnavailable(msg)

    monkeypatch.setattr(ArchiveStore, "keep", refuse)
    project.write({**PASSING, "pyproject.toml": NAMED})
    ran = project.run(*SERIAL)
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    assert ran.out.count("The archive is full") == 1
    assert len(kept(url, "our-store")) == 1


def test_the_record_knows_what_never_failed(project: Project, url: str) -> None:
    """A run that keeps its history says it in record and page; one that doesn't says nothing."""
    project.write(PASSING)
    first = project.run()
    assert first.record["failures"] == {"runs": 1, "last": {}}
    assert "never seen to fail in 1 run" in (first.page or "")
    project.write(FAILED)
    failed = project.run().record
    project.write(PASSING)
    started = failed["run"]["started"]
    third = project.run()
    assert third.record["failures"] == {"runs": 3, "last": {"api.a": started}}
    assert f"last seen to fail {started[:10]}" in (third.page or "")
