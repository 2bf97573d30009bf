"""SIGKILL while a run is saved leaves no half run and no second one, and stops no later run.

A run saves itself in one transaction, under its own id. So whenever it dies the store is as before
or as after, and saving it again makes the same store as a run that wasn't killed. Every day it dies
at one instant in three, and at all of them with PRODSTATUS_SWEEP=1.
"""

from __future__ import annotations

import itertools
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from pytest_prodstatus.model.history import History
from pytest_prodstatus.store.history import HistoryStore
from tests.integration.store.conftest import ROOT, Act
from tests.integration.store.plans import EVERY
from tests.integration.store.runs import ran

TARGET = "production"
TEN = 10
NOBODY = 65534


def seen(url: str, project: str, limit: int = 1000) -> History:
    """Return the whole history of a project."""
    with HistoryStore.open(url, project) as history:
        return history.look_back(TARGET, limit=limit)


def prepared(url: str, project: str) -> HistoryStore:
    """Return a history with three runs, of which the first two CONFIRMED."""
    history = HistoryStore.open(url, project)
    for number, verdict in ((0, "C"), (1, "C"), (3, "F")):
        history.save(ran(number, verdict))
    return history


# A new run between two others, whose flip moves; and one that replaces itself with another verdict.
@pytest.mark.parametrize(("saved", "phase"), [((2, "F"), 1), ((1, "B"), 2)], ids=["new", "again"])
def test_killed_at_every_statement(
    sqlite_url: str, act: Act, saved: tuple[int, str], phase: int
) -> None:
    """Killed at any statement or commit, a run is absent or whole; saved again, it is there once.

    Each process dies over a copy of one file.
    """
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    with prepared(sqlite_url, "store") as history:
        before, content = history.look_back(TARGET), file.read_bytes()
        history.save(ran(*saved))
        after = history.look_back(TARGET)
    assert before != after
    ends = [0, 0]
    for first in range(1 + phase % EVERY, 2000, TEN * EVERY):
        instants = range(first, first + TEN * EVERY, EVERY)
        files = {n: file.with_name(f"{n}.sqlite3") for n in instants}
        for copy in files.values():
            copy.write_bytes(content)
        results = act(
            *[
                {"url": f"sqlite:///{copy}", "part": "saves", "project": "store", "runs": [saved],
                 "kill_at_call": n}
                for n, copy in files.items()
            ]
        )  # fmt: skip
        for copy, result in zip(files.values(), results, strict=True):
            with HistoryStore.open(f"sqlite:///{copy}", "store") as history:
                left = history.look_back(TARGET)
                assert left in (before, after)
                assert left == after or ["saved", saved[0]] not in result["steps_done"]
                ends[left == after] += result["killed"]
                history.save(ran(*saved))
                assert history.look_back(TARGET) == after
        if not results[-1]["killed"]:
            break
    assert not results[-1]["killed"], "the instants have no end"
    # Some died before the commit and some after it.
    assert ends[0] > 50 // EVERY
    assert ends[1] > 0


def test_killed_while_it_makes_a_new_file(tmp_path: Path, act: Act) -> None:
    """If a process dies at any instant, the next run finds a store or makes one, and is saved."""
    for first in range(1, 2000, TEN * EVERY):
        instants = range(first, first + TEN * EVERY, EVERY)
        urls = {n: f"sqlite:///{tmp_path / str(n)}/s.sqlite3" for n in instants}
        results = act(
            *[
                {"url": url, "part": "saves", "project": "store", "runs": [], "kill_at_call": n}
                for n, url in urls.items()
            ]
        )
        for url in urls.values():
            with HistoryStore.open(url, "store") as history:
                history.save(ran(1))
                assert [run.run for run in history.look_back(TARGET).runs] == ["run-1"]
        if not results[-1]["killed"]:
            break
    assert not results[-1]["killed"], "the instants have no end"
    assert first > TEN


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment(url: str, act: Act, seed: int) -> None:
    """Each run that was reported as saved is there once and sound, whenever it was killed."""
    chance = random.Random(seed)
    runs = [(number, chance.choice("CFB")) for number in range(300)]
    (result,) = act(
        {"url": url, "part": "saves", "project": "store", "runs": runs,
         "kill_after": chance.random() / 10}
    )  # fmt: skip
    steps_done = [number for word, number in result["steps_done"] if word == "saved"]
    assert result["killed"]
    past = seen(url, "store")
    kept = [int(run.run.removeprefix("run-")) for run in reversed(past.runs)]
    assert kept in (steps_done, [*steps_done, len(steps_done)])
    verdicts = [verdict for _, verdict in runs[: len(kept)]]
    turns = sum(verdict != following for verdict, following in itertools.pairwise(verdicts))
    assert len(past.stages[0].flips) == turns
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as store:
            assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_ten_processes_save_at_once_into_a_new_store(url: str, act: Act) -> None:
    """Ten runs that find no store are all kept."""
    jobs = [
        {"url": url, "part": "saves", "project": "store", "runs": [(n, "C")]} for n in range(TEN)
    ]
    assert [result["steps_done"][-1] for result in act(*jobs)] == [["saved", n] for n in range(TEN)]
    assert len(seen(url, "store").runs) == TEN


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="only root may be another user")
def test_another_user_s_file_is_named(act: Act) -> None:
    """A run that may read the store but not write it says so in one sentence; nothing changes."""
    with tempfile.TemporaryDirectory() as name:  # not tmp_path: others can't look into that one
        folder = Path(name)
        url = f"sqlite:///{folder / 'old.sqlite3'}"
        prepared(url, "store").close()
        (folder / "old.sqlite3").chmod(0o644)
        folder.chmod(0o555)
        (result,) = act(
            {"url": url, "uid": NOBODY, "part": "saves", "project": "store", "runs": [(4, "C")]}
        )
        folder.chmod(0o755)
        assert len(seen(url, "store").runs) == 3
    word, sentence = result["steps_done"][-1]
    assert word == "StateUnavailable"
    assert sentence.startswith("The history at sqlite")
    assert "let this user write to it" in sentence
    assert "\n" not in sentence


WITHIN_A_LIMIT = """
import resource, sys
from pytest_prodstatus.store import StateUnavailable
from pytest_prodstatus.store.history import HistoryStore
from tests.integration.store.runs import ran
with HistoryStore.open(sys.argv[1], "store") as history:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    try:
        history.save(ran(4))
    except StateUnavailable as error:
        print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="no resource limits")
def test_a_write_the_system_refuses_is_one_sentence(sqlite_url: str) -> None:
    """A save that the kernel refuses half-way (a file-size limit) leaves no trace."""
    with prepared(sqlite_url, "store") as history:
        before = history.look_back(TARGET)
    done = subprocess.run(
        [sys.executable, "-c", WITHIN_A_LIMIT, sqlite_url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    (sentence,) = done.stdout.splitlines()
    assert sentence.startswith("The history at sqlite")
    assert "disk" in sentence
    assert seen(sqlite_url, "store", 30) == before


def test_what_a_file_holds_is_what_sqlalchemy_wrote(sqlite_url: str) -> None:
    """A store of an older release can be used: instants are text in UTC with six digits."""
    with HistoryStore.open(sqlite_url, "store") as history:
        history.save(ran(1, "F"))
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as store:
        (row,) = store.execute("SELECT started, gate_open, stages FROM prodstatus_run").fetchall()
        flips = store.execute("SELECT DISTINCT started FROM prodstatus_flip").fetchall()
    assert row[:2] == ("2026-11-22 13:00:00.000000", 0)
    assert row[2] == '{"api": "FAILED", "shop": "CONFIRMED", "final": "FAILED"}'
    assert flips == [("2026-11-22 13:00:00.000000",)]
