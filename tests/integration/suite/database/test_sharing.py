"""The workers of one machine cost the database what one costs, and share its answers alone."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from pytest_prodstatus import Blocked
from tests.acceptance.demo.store import Store
from tests.acceptance.support.database.connection import Database
from tests.acceptance.support.database.sharing import Shared, Sharing
from tests.acceptance.support.database.snapshot import Snapshot
from tests.acceptance.support.database.transaction import Ask, Reading
from tests.acceptance.support.secrets import Secret, announced_to
from tests.integration.suite.databases import opened

KEY = bytes(range(32))
BUDGET = timedelta(seconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer as probes give them."""

    count: int
    amount: Decimal
    secret: Secret


class Worker:
    """One process of a run, with a connection of its own."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        *,
        key: bytes = KEY,
        run: str = "r 1",
        budget: timedelta = BUDGET,
    ) -> None:
        self.queried: list[str] = []
        self.noted: list[datetime] = []
        self.database = database
        self.sharing = Sharing(folder, run, key, budget=budget)
        questions = {name: self._question(name) for name in ("users", "sales")}
        self.snapshot = self.of(**questions)

    def of(self, **questions: Reading) -> Snapshot:
        """Return a snapshot of some questions."""
        return Snapshot(
            self.database,
            questions,
            parameters=lambda _: {},
            note=self.noted.append,
            sharing=self.sharing,
        )

    def _question(self, table: str) -> Reading:
        def read(ask: Ask) -> Answer:
            self.queried.append(table)
            count = ask(f"SELECT count(*) AS n FROM {table}")["n"]
            return Answer(count=count, amount=Decimal("9.90"), secret=Secret("planted-token"))

        return read


@pytest.fixture
def database(running_store: Store) -> Iterator[Database]:
    """The running store's."""
    with opened(running_store.environment["DATABASE_URL"]) as made:
        yield made


def test_eight_workers_cost_what_one_costs(running_store: Store, tmp_path: Path) -> None:
    """They begin at once; one of them asks, and all have its answers and its instant."""
    url = running_store.environment["DATABASE_URL"]
    workers: list[Worker] = []
    answers: list[Answer] = []
    start = threading.Barrier(8)

    def work() -> None:
        with opened(url) as own:
            worker = Worker(own, tmp_path)
            workers.append(worker)
            start.wait()
            answers.append(worker.snapshot.answer("sales"))
            assert own._driver is None  # no transaction is open any more, nor a connection

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(answers)) == 1
    assert sum(len(worker.queried) for worker in workers) == 2
    assert len({tuple(worker.noted) for worker in workers}) == 1


def test_the_file_is_the_run_s_own(database: Database, tmp_path: Path) -> None:
    """Its mode is 0600, and without the key that nobody wrote down it says nothing."""
    Worker(database, tmp_path).snapshot.answer("users")
    files = [path for path in tmp_path.iterdir() if path.suffix != ".lock"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [0o600, 0o600]
    assert len(files) == 1
    content = files[0].read_bytes()
    assert not [text for text in (b"planted", b"users", b"Answer") if text in content]
    another = Worker(database, tmp_path, key=bytes(32))
    another.snapshot.answer("users")
    assert another.queried == ["users", "sales"]


@pytest.mark.parametrize("content", [b"", b"x" * 11, b"x" * 400, None])
def test_a_worker_that_finds_no_answer_asks_itself(
    database: Database, tmp_path: Path, content: bytes | None
) -> None:
    """A worker queries the database itself if the shared results can't be used."""
    first = Worker(database, tmp_path)
    first.snapshot.answer("users")
    (path,) = [path for path in tmp_path.iterdir() if path.suffix != ".lock"]
    if content is None:
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(content)
    second = Worker(database, tmp_path)
    assert second.snapshot.answer("users").count == first.snapshot.answer("users").count
    assert second.queried == ["users", "sales"]


def test_a_secret_is_announced_where_it_arrives(database: Database, tmp_path: Path) -> None:
    """A worker that got a secret from another one redacts it too."""
    Worker(database, tmp_path).snapshot.answer("users")
    heard: list[str] = []
    with announced_to(heard.append):
        second = Worker(database, tmp_path)
        assert second.snapshot.answer("users").secret == Secret("planted-token")
    assert heard[0] == "planted-token"
    assert second.queried == []


def test_a_question_that_could_not_be_answered_isn_t_asked_again(
    database: Database, tmp_path: Path
) -> None:
    """Eight workers would wait for eight time-outs; a mistake of ours is each worker's own."""

    def mistaken(ask: Ask) -> object:
        return ask("SELECT 1 AS n")["m"]

    def missing(ask: Ask) -> object:
        return ask("SELECT 1 AS n FROM nowhere")["n"]

    for number in range(2):
        worker = Worker(database, tmp_path)
        queried: list[int] = []

        def counted(ask: Ask, queried: list[int] = queried) -> object:
            queried.append(1)
            return missing(ask)

        snapshot = worker.of(missing=counted, mistaken=mistaken)
        with pytest.raises(Blocked, match="lacks the table 'nowhere'"):
            snapshot.answer("missing")
        with pytest.raises(KeyError):
            snapshot.answer("mistaken")
        assert len(queried) == 1 - number


def test_without_a_database_one_worker_tries(tmp_path: Path) -> None:
    """The reason is the same for all, and no instant is noted."""
    with opened("postgresql://reader@127.0.0.1:1/store") as nowhere:
        workers = [Worker(nowhere, tmp_path) for _ in range(2)]
        for worker in workers:
            with pytest.raises(Blocked, match="can't be reached"):
                worker.snapshot.answer("users")
            assert worker.noted == []
        shared = workers[1].sharing.read()
    assert shared is not None
    assert shared.at is None


def test_a_silent_database_is_waited_for_once(tmp_path: Path) -> None:
    """All workers are BLOCKED at the end of the first one's budget, and one of them connected."""
    budget = timedelta(seconds=1)
    reasons: list[str] = []
    start = threading.Barrier(4)

    def work(url: str) -> None:
        with opened(url, budget=budget) as own:
            worker = Worker(own, tmp_path, budget=budget)
            start.wait()
            with pytest.raises(Blocked) as ended:
                worker.snapshot.answer("users")
            reasons.append(ended.value.reason.text)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://reader@127.0.0.1:{silent.getsockname()[1]}/store"
        threads = [threading.Thread(target=work, args=(url,)) for _ in range(4)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - began
        silent.settimeout(0)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()
    assert len(reasons) == 4
    assert all("did not answer within 1 s" in reason for reason in reasons)
    assert took < 2.5


_HOLD = """
import fcntl, sys, time
with open(sys.argv[1], "w") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    print("locked", flush=True)
    time.sleep(60)
"""


def test_a_worker_that_dies_while_it_asks_holds_nobody_up(
    database: Database, tmp_path: Path
) -> None:
    """If a worker dies while it reads, its lock is released and the others go on."""
    worker = Worker(database, tmp_path)
    command = [sys.executable, "-c", _HOLD, str(worker.sharing._lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"locked\n"
        threading.Timer(0.2, other.kill).start()
        started = time.monotonic()
        assert worker.snapshot.answer("users").count > 0
    assert time.monotonic() - started < BUDGET.total_seconds() / 2


def test_a_worker_that_waits_too_long_asks_itself(database: Database, tmp_path: Path) -> None:
    """A worker that waits too long for another one queries the database itself."""
    held = Sharing(tmp_path, "r 1", KEY, budget=BUDGET)
    worker = Worker(database, tmp_path)
    worker.sharing._patience = 0.2
    with held.turn():
        worker.snapshot.answer("users")
    assert worker.queried == ["users", "sales"]


def test_another_run_s_answers_are_not_this_one_s(tmp_path: Path) -> None:
    """A folder may serve several runs one after the other."""
    first = Sharing(tmp_path, "r 1", KEY, budget=BUDGET)
    first.write(Shared(at=None, answers={"users": 1}))
    assert first.read() is not None
    assert Sharing(tmp_path, "r 2", KEY, budget=BUDGET).read() is None
