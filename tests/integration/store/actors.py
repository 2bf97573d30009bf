"""Real processes that use one journal at once, and die at a given instant.

Run as `python -m tests.integration.store.actors`. Each line of stdin is a JSON list of jobs, which
all start at one instant. Each job runs in a process of its own, forked from this one. This process
has imported everything and has no threads, so a fork costs milliseconds. The result of a line is a
JSON list with the steps that each process did before it ended.

A job has these keys:

    url, criterion  the store, and the criterion whose action is claimed
    uid             the user to run as; only root may name another
    now             the instant, in ISO 8601
    steps           names of the journal's methods
    action          the number of the action to continue, if `intend` is not among the steps
    days            the steps are repeated on so many days
    part            `history`: only open the history
                    `saves`: save runs of `project` in it; each of `runs` is a number and a verdict
                    `keeps`: keep `content` as the record of a `run`, which is in the history
    linger          seconds between a read and the write that follows it, for others to come between

A process dies of SIGKILL if its job has one of these keys:

    kill_at         at the n-th possible instant: before and after every statement, before every
                    commit, after every step
    kill_at_call    the same for `saves` and `keeps`: at the n-th call or return in `CALLS`
    kill_after      by its parent, so many seconds after its first steps
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import sys
import time
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import Engine, create_engine, event

from pytest_prodstatus import store
from pytest_prodstatus.store.action import Action
from pytest_prodstatus.store.history import ArchiveStore, HistoryStore
from pytest_prodstatus.store.journal import Journal
from tests.integration.store.plans import SetClock, plan_at
from tests.integration.store.runs import ran

CALLS = {str(Path(store.__file__).with_name(name)) for name in ("sqlite.py", "statements.py")}
"""The modules that call a database for the history, before and after each statement and commit."""
COMPUTES = {"_bound", "<dictcomp>", "<listcomp>", "<setcomp>", "<genexpr>", "insert_into", "among"}
STEPS_BEFORE_KILL = 6  # started, open and the first four steps


def act(job: dict[str, Any], say: int) -> None:
    """Do the job's steps, and write each one, with its action or run, once it is done."""
    instants = count(1)

    def maybe_die(*_: object) -> None:
        if next(instants) == job.get("kill_at"):
            os.kill(os.getpid(), signal.SIGKILL)

    def linger(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT prodstatus_action"):
            time.sleep(job.get("linger", 0))

    event.listen(Engine, "after_cursor_execute", linger)
    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(Engine, name, maybe_die)
    clock = SetClock(datetime.fromisoformat(job["now"]))
    if "uid" in job:
        os.setgroups([])
        os.setgid(job["uid"])
        os.setuid(job["uid"])
    os.write(say, b'["started", ""]\n')
    if job.get("part") == "saves":
        die_at_call(job.get("kill_at_call", 0))
        with HistoryStore.open(job["url"], job["project"]) as history:
            for number, verdict in job["runs"]:
                history.save(ran(number, verdict))
                os.write(say, json.dumps(["saved", number]).encode() + b"\n")
        sys.settrace(None)
        return
    if job.get("part") == "keeps":
        die_at_call(job.get("kill_at_call", 0))
        with ArchiveStore.open(job["url"], job["project"]) as archive:
            archive.keep("production", job["run"], job["content"].encode())
            os.write(say, b'["kept", ""]\n')
        sys.settrace(None)
        return
    if job.get("part") == "history":
        HistoryStore.open(job["url"], "store").close()
        os.write(say, b'["open", ""]\n')
        return
    with Journal.open(job["url"], clock=clock) as journal:
        os.write(say, b'["open", ""]\n')
        for _ in range(job.get("days", 1)):
            action: Action | None = None
            for step in job["steps"]:
                action = take(journal, action, step, job, clock)
                os.write(say, json.dumps([step, action.id]).encode() + b"\n")
                maybe_die()
            clock.now += timedelta(days=1)


def die_at_call(number: int) -> None:
    """Let this process die at the n-th call or return of a function in `CALLS`; 0 for never."""
    instants = count(1)

    def see(frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename not in CALLS or frame.f_code.co_name in COMPUTES:
            return None
        frame.f_trace_lines = False
        if event in ("call", "return") and next(instants) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return see

    if number:
        sys.settrace(see)


def take(
    journal: Journal, action: Action | None, step: str, job: dict[str, Any], clock: SetClock
) -> Action:
    """Do one step with the journal."""
    if step == "intend":
        return journal.intend(plan_at(clock.now, criterion=job["criterion"]))
    if action is None:
        action = journal.action(job["action"])
    if step == "read":
        return action
    if step == "sent":
        return journal.sent(action)
    if step == "confirmed":
        return journal.confirmed(action, [f"8198{os.getpid()}"], "the bank replied")
    if step == "rejected":
        return journal.rejected(action, "the bank refused")
    return journal.unknown(action, "the line was cut")


def start(job: dict[str, Any], gate: int) -> tuple[int, int]:
    """Fork a process for the job that waits at the gate; return its pid and its output."""
    reader, say = os.pipe()
    pid = os.fork()
    if pid:
        os.close(say)
        return pid, reader
    status = 0
    try:
        select.select([gate], [], [])
        act(job, say)
    except Exception as error:  # noqa: BLE001 - the parent's test judges it
        os.write(say, json.dumps([type(error).__name__, str(error)]).encode() + b"\n")
        status = 1
    finally:
        os._exit(status)


def run(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run all jobs at once, and return the steps that each did and how it ended."""
    gate, opener = os.pipe()
    started = [start(job, gate) for job in jobs]
    os.write(opener, b"go")
    results = [
        read_output(job, pid, reader) for job, (pid, reader) in zip(jobs, started, strict=True)
    ]
    os.close(gate)
    os.close(opener)
    return results


def read_output(job: dict[str, Any], pid: int, reader: int) -> dict[str, Any]:
    """Return the steps that a process did before it ended; kill it first if the job says so."""
    output = b""
    if "kill_after" in job:
        while output.count(b"\n") < STEPS_BEFORE_KILL and (more := os.read(reader, 65536)):
            output += more
        time.sleep(job["kill_after"])
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with os.fdopen(reader, "rb") as rest:
        output += rest.read()
    _, status = os.waitpid(pid, 0)
    lines = [json.loads(line) for line in output.splitlines(keepends=True) if line.endswith(b"\n")]
    return {"steps_done": lines, "killed": os.WIFSIGNALED(status)}


def main() -> None:
    """Run each line of jobs until stdin ends."""
    for url in ("sqlite://", "postgresql+psycopg://"):
        create_engine(url)  # imports the drivers once, here, and not in every fork
    importlib.import_module("alembic.command")
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)  # noqa: T201 - the tests read it


if __name__ == "__main__":
    main()
