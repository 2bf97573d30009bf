"""The deadline of a run: what hangs is ended with its stack, and what follows doesn't start."""

from __future__ import annotations

import os

import pytest

from pytest_prodstatus import deadline
from tests.integration.project import SERIAL, SHOP, XDIST, Project

IMPATIENT = """
import os, sys
from pathlib import Path
from pytest_prodstatus import deadline

controls = "-n" in sys.argv and "PYTEST_XDIST_WORKER" not in os.environ
deadline.GRACE_S = 5 if controls else 0.3
really = deadline.Deadline._watch

def watch(self):
    late = Path("hangs").exists()  # a worker in place of one that was ended
    while not Path("hangs").exists() and not self._over.wait(0.05):
        pass
    self._seconds = 0 if late else 0.2
    really(self)

deadline.Deadline._watch = watch
"""
"""A conftest with which the deadline passes when the file `hangs` is there, and nothing is awaited.

So a test takes as long as it must, and no longer on a slow machine.
"""

FIXTURE = """
    @pytest.fixture
    def resource():
        yield
        Path("torn-down").write_text("yes")

"""
WAITS = {
    "sleep": "time.sleep(60)",
    "lock": "import threading; threading.Lock().acquire() and threading.Event().wait(60)",
    "socket": "\n".join(
        ["import socket", "    a, b = socket.socketpair()", "    with a, b:", "        a.recv(1)"]
    ),
    "process": "import subprocess; subprocess.run(['sleep', '60'])",
    "loop": "while True: pass",
    "swallowed once": "\n".join(
        ["try:", "        time.sleep(60)", "    except BaseException:", "        time.sleep(60)"]
    ),
}


SWEEP = os.environ.get("PRODSTATUS_SWEEP") == "1"


@pytest.mark.parametrize(
    ("wait", "mode"),
    [
        *(pytest.param(wait, SERIAL, id=wait) for wait in WAITS),
        *(pytest.param(wait, XDIST, id=f"{wait}-n2") for wait in (WAITS if SWEEP else ("loop",))),
    ],
)
def test_what_hangs_is_ended_and_what_follows_is_blocked(
    project: Project, monkeypatch: pytest.MonkeyPatch, wait: str, mode: tuple[str, ...]
) -> None:
    """Its fixtures are torn down, its stack is in the record, and what was seen before counts."""
    project.write(
        {
            "conftest.py": IMPATIENT,
            "test_api.py": f"""{FIXTURE}
    @api
    def test_first(): pass

    @api
    def test_hangs(resource, evidence):
        evidence(seen=1)
        inner()

    @api
    def test_later(): pass

    def inner():
        Path("hangs").touch()
        {WAITS[wait].replace(chr(10), chr(10) + "    ")}
""",
        }
    )
    monkeypatch.setattr(deadline, "GRACE_S", deadline.GRACE_S)  # which the conftest changes
    monkeypatch.setattr(deadline.Deadline, "_watch", deadline.Deadline._watch)
    dist = ("--dist=loadfile",) if mode else ()
    ran = project.run("--prodstatus-within=20m", *mode, *dist)
    ran.check_coherent()
    assert ran.status == 10
    assert ran.verdicts == {
        "api.first": "CONFIRMED",
        "api.hangs": "BLOCKED timeout",
        "api.later": "BLOCKED timeout",
    }
    hangs, later = ran.criteria["api.hangs"], ran.criteria["api.later"]
    assert hangs["reason"] == "it was still running when the run's time of 20m was over"
    assert "in inner\n" in hangs["detail"]
    assert "_pytest" not in hangs["detail"]
    assert ran.values("api.hangs") == {"seen": {"value": 1, "type": "integer"}} or hangs["evidence"]
    assert later["reason"] == "the run's time of 20m was over before it began"
    assert (project.root / "torn-down").exists()


@pytest.mark.parametrize(
    ("where", "mode"),
    [
        pytest.param("call", SERIAL, id="call"),
        pytest.param("call", XDIST, id="call-n2"),
        *(
            pytest.param(where, mode, id=f"{where} {mode}")
            for where in (("set-up", "tear-down") if SWEEP else ())
            for mode in (SERIAL, XDIST)
        ),
    ],
)
def test_what_takes_no_notice_ends_its_process(
    project: Project, where: str, mode: tuple[str, ...]
) -> None:
    """A test that swallows every exception, in each phase; the record is written all the same."""
    stubborn = "\n".join(
        [
            "    def stubborn():",
            "        Path('hangs').touch()",
            "        while True:",
            "            try:",
            "                time.sleep(60)",
            "            except BaseException:",
            "                pass",
        ]
    )
    parts = {"set-up": ("stubborn()", "", ""), "tear-down": ("", "", "stubborn()")}
    before, during, after = parts.get(where, ("", "stubborn()", ""))
    project.write(
        {
            "conftest.py": IMPATIENT,
            "test_api.py": f"""
{stubborn}

    @pytest.fixture
    def resource():
        {before or "pass"}
        yield
        {after or "pass"}

    @api
    def test_first(): pass

    @api
    def test_hangs(resource):
        {during or "pass"}

    @api
    def test_later(): pass
""",
        }
    )
    dist = ("--dist=loadfile",) if mode else ()
    ran = project.run_alone("--prodstatus-within=20m", *mode, *dist)
    # To xdist, a worker that ended is a test that failed, and no status is made better.
    assert ran.status == (1 if mode else 10), ran.out
    assert ran.verdicts == {
        "api.first": "CONFIRMED",
        "api.hangs": "BLOCKED timeout",
        "api.later": "BLOCKED timeout",
    }
    what = {"set-up": "its set-up", "tear-down": "its tear-down"}.get(where, "it")
    assert ran.criteria["api.hangs"]["reason"].startswith(f"{what} was still running when")
    assert "in stubborn\n" in ran.criteria["api.hangs"]["detail"]
    if mode == SERIAL:
        assert "FINAL BLOCKED" in ran.err


GREENLETS = """
# With gevent's patches, what Python gives as the id of a thread is that of a greenlet.
deadline.get_ident = lambda: 12345
"""


@pytest.mark.parametrize("how", ["greenlets", "mock"])
def test_what_can_t_be_interrupted_ends_its_process(project: Project, how: str) -> None:
    """No signal goes to what is no thread, and the record is written all the same."""
    mock = "signal.pthread_kill = None" if how == "mock" else "pass"
    project.write(
        {
            "conftest.py": IMPATIENT + (GREENLETS if how == "greenlets" else ""),
            "test_api.py": f"""
            @api
            def test_first(): pass

            @api
            def test_hangs():
                {mock}
                Path("hangs").touch()
                time.sleep(60)
            """,
        }
    )
    ran = project.run_alone("--prodstatus-within=20m")
    assert (ran.status, "FINAL BLOCKED" in ran.err) == (10, True), ran.out
    assert ran.verdicts == {"api.first": "CONFIRMED", "api.hangs": "BLOCKED timeout"}
    assert ran.criteria["api.hangs"]["reason"].startswith("it was still running when")


def test_a_failure_before_the_deadline_counts(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run FAILED; a test without a stage that hangs fails, since no verdict would show it."""
    project.write(
        {
            "conftest.py": IMPATIENT,
            "test_api.py": "@api\ndef test_a(): assert 0\n",
            "test_unit.py": """
                def test_hangs():
                    Path("hangs").touch()
                    time.sleep(60)

                def test_later(): pass
                """,
            "test_z.py": SHOP,
        }
    )
    monkeypatch.setattr(deadline, "GRACE_S", deadline.GRACE_S)
    monkeypatch.setattr(deadline.Deadline, "_watch", deadline.Deadline._watch)
    ran = project.run("--prodstatus-within=20m")
    assert ran.status == 1
    assert ran.verdicts == {"api.a": "FAILED observed", "shop.open": "BLOCKED timeout"}
    assert "2 failed, 1 skipped, 1 error" in ran.out


def test_a_run_that_is_in_time_is_as_any_other(project: Project) -> None:
    """A run in time has the same record; a value that is no duration is a usage error."""
    project.write({"test_api.py": "@api\ndef test_a(): pass\n\n" + SHOP})
    ran = project.run("--prodstatus-within=10m")
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    ran = project.run("--prodstatus-within=soon")
    assert ran.status == pytest.ExitCode.USAGE_ERROR
    assert "--prodstatus-within: 'soon' is not a duration" in ran.err
    ran = project.run("--prodstatus-within=")  # of an unset variable
    assert ran.status == pytest.ExitCode.USAGE_ERROR
    assert "--prodstatus-within '' is empty" in ran.err


def test_a_conftest_that_hangs_leaves_a_record(project: Project) -> None:
    """If a conftest hangs, the run ends at its deadline and the record confirms nothing."""
    project.write({"test_api.py": "@api\ndef test_a(): pass\n\n" + SHOP})
    assert project.run("-m", "production").status == 0
    project.write(
        {
            "conftest.py": """
                import time
                from pytest_prodstatus import deadline
                deadline.GRACE_S = 0.3
                time.sleep(60)
                """,
        }
    )
    ran = project.run_alone("-m", "production", "--prodstatus-within=1s")
    assert (ran.status, ran.final) == (10, "BLOCKED")
    assert "the run's time of 1s was over" in ran.err
