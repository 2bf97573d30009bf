"""`prodstatus history`: asks the state store of the project at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("sqlalchemy")

from pytest_prodstatus.cli.main import main
from pytest_prodstatus.store.history import HistoryStore
from tests.integration.store.runs import ran


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project called `store` with three runs in its history."""
    url = f"sqlite:///{tmp_path / 'state.sqlite3'}"
    monkeypatch.setenv("PRODSTATUS_STATE_URL", url)
    root = tmp_path / "checkout"
    root.mkdir()
    text = '[project]\nname = "store"\n[tool.prodstatus]\ntitle = "x"\n'
    (root / "pyproject.toml").write_text(text, encoding="utf-8")
    with HistoryStore.open(url, "store") as history:
        for number, verdict in enumerate("CFF"):
            history.save(ran(number, verdict, release=f"v{number}"))
    monkeypatch.chdir(root)
    return root


def history_command(*args: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["history", *args])


def test_it_tells_of_the_project_at_hand(root: Path) -> None:
    """The history is that of the project of the current folder, or of --root."""
    done = history_command()
    assert done.exit_code == 0
    assert done.output.startswith("Target production of project store, its newest 3 runs:\n")
    assert "api    FAILED     since 2026-11-22 13:00:00 UTC, before that CONFIRMED\n" in done.output
    assert "      release: v0 -> v1\n" in done.output
    (root / "tests").mkdir()
    assert history_command("--root", str(root)).output == done.output


def test_runs_that_were_saved_without_a_folder_are_read(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the folder has runs of its own, those of the project's name are printed."""
    from pytest_prodstatus.store import default_file, scope_of

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PRODSTATUS_STATE_URL")
    own = f"sqlite:///{default_file()}"
    with HistoryStore.open(own, "store") as history:
        history.save(ran(0, "C"))
    done = history_command()
    assert "of project store, its newest 1 run:" in done.output
    assert "these runs were saved for every folder of project store" in done.output
    with HistoryStore.open(own, scope_of({}, "store", root)) as history:
        history.save(ran(1, "F"))
    done = history_command()
    assert "api    FAILED" in done.output
    assert "of project store, its newest 1 run:" in done.output
    assert "every folder" not in done.output


def test_one_stage_and_fewer_runs(root: Path) -> None:
    """--stage prints only this stage; --limit bounds the runs, not the `since` of a stage."""
    data = json.loads(history_command("--stage", "api", "--limit", "1", "--json").output)
    assert [stage["id"] for stage in data["stages"]] == ["api"]
    assert [run["run"] for run in data["runs"]] == ["run-2"]
    assert data["stages"][0]["since"]["run"] == "run-1"
    assert data["stages"][0]["regression"]["confirmed"]["run"] == "run-0"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--stage", "nosuch"), "stages are api, shop, final"),
        (("--limit", "0"), "1<=x<=1000"),
        (("--limit", "many"), "many"),
        (("--target", "../x"), "use letters, digits"),
    ],
)
def test_bad_input_is_a_usage_error(root: Path, args: tuple[str, ...], message: str) -> None:
    """Bad input ends with exit status 2, and the message says what would do."""
    done = history_command(*args)
    assert (done.exit_code, message in done.output) == (2, True), done.output


def test_no_saved_run(root: Path) -> None:
    """No run of that target: a sentence with the place, exit status 0; in JSON empty lists."""
    done = history_command("--target", "staging")
    assert done.exit_code == 0
    assert done.output.startswith("no run of target staging of project store is kept at sqlite")
    data = json.loads(history_command("--target", "staging", "--json").output)
    assert (data["runs"], data["stages"], data["flaky"]) == ([], [], [])


def test_help_has_examples() -> None:
    """The help has examples and the exit statuses."""
    output = history_command("--help").output
    assert "Examples:" in output
    assert "Exit status:" in output
