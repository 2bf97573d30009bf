"""A pass proves nothing if its asserts were removed, or if what failed did so unseen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import product

import pytest

from tests.integration.project import SERIAL, SHOP, XDIST, Project

FALSE = "@api\ndef test_a(): holds()\n"
HELPER = "def holds():\n    assert 1 == 2\n"
SWEEP = os.environ.get("PRODSTATUS_SWEEP") == "1"
MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
DIES = """
import threading
def probe(): raise ValueError("the key s3cr3t-of-the-shop was refused")
@api
def test_a():
    thread = threading.Thread(target=probe)
    thread.start()
    thread.join()
"""


LEVELS = [*product(("plain", "rewrite"), ("1", "2"))]


@pytest.mark.parametrize(
    ("mode", "rewrite", "level"),
    [
        *(pytest.param(SERIAL, *one, id="-".join(("serial", *one))) for one in LEVELS),
        # Each of its processes is a new interpreter.
        *(
            pytest.param(XDIST, *one, id="-".join(("n2", *one)))
            for one in (LEVELS if SWEEP else LEVELS[-2:-1])
        ),
    ],
)
def test_without_asserts_no_criterion_starts(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    mode: tuple[str, ...],
    rewrite: str,
    level: str,
) -> None:
    """With `-O` asserts are removed from test files, so no criterion starts."""
    project.write({"test_api.py": "from helper import holds\n" + FALSE, "test_shop.py": SHOP})
    (project.root / "helper.py").write_text(HELPER, encoding="utf-8")
    assert project.run(*mode).verdicts == {
        "api.a": "FAILED observed",
        "shop.open": "CONFIRMED",
    }
    monkeypatch.setenv("PYTHONOPTIMIZE", level)
    ran = project.run_alone(*mode, f"--assert={rewrite}", "-p", "no:cacheprovider")
    ran.check_coherent()
    assert (ran.final, ran.status) == ("BLOCKED", 10)
    assert set(ran.verdicts.values()) == {"BLOCKED inconclusive"}
    assert "PYTHONOPTIMIZE" in ran.criteria["api.a"]["reason"]
    assert ran.criteria["api.a"]["remedy"]


def test_without_asserts_other_tests_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `-O` a test that isn't a criterion runs as usual."""
    project.write({"test_plain.py": "def test_plain(): pass\n", "test_shop.py": SHOP})
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    ran = project.run_alone()
    assert "1 passed, 1 skipped" in ran.out
    assert ran.verdicts == {"shop.open": "BLOCKED inconclusive"}


@MODES
def test_what_killed_a_thread_is_recorded_in_full(
    project: Project, monkeypatch: pytest.MonkeyPatch, mode: tuple[str, ...]
) -> None:
    """The record has the thread's traceback, without the secret in it."""
    monkeypatch.setenv("SHOP_API_KEY", "s3cr3t-of-the-shop")
    project.write({"test_api.py": DIES, "test_shop.py": SHOP})
    ran = project.run_alone(*mode)
    criterion = ran.criteria["api.a"]
    assert criterion["reason"].startswith("a thread died of what the test did not see: ValueError")
    assert "in probe" in criterion["detail"]
    assert ran.page is not None
    assert "in probe" in ran.page
    for text in (ran.out, ran.page, ran.document, str(ran.record)):
        assert "s3cr3t-of-the-shop" not in str(text)


DIES_LATER = """
import threading
def work(ended):
    ended.wait()
    time.sleep(0.1)
    raise RuntimeError("late")
@pytest.fixture
def ended():
    event = threading.Event()
    yield event
    event.set()
@shop
def test_open(ended): threading.Thread(target=work, args=(ended,)).start()
"""


@MODES
def test_a_thread_that_dies_after_the_last_test_caps_final(
    project: Project, mode: tuple[str, ...]
) -> None:
    """No test is there to answer for it, so FINAL is BLOCKED, unless the project ignores it."""
    project.write({"test_api.py": "@api\ndef test_a(): pass\n", "test_shop.py": DIES_LATER})
    ran = project.run_alone(*mode)
    assert (ran.status, ran.final) == (10, "BLOCKED")
    (incident,) = ran.record["run"]["incidents"]
    assert incident["reason"].startswith("after the last test")
    assert incident["reason"].endswith("RuntimeError: late")
    ignored = "ignore::pytest.PytestUnhandledThreadExceptionWarning"
    ran = project.run_alone(*mode, "-W", ignored)
    assert (ran.status, ran.final) == (0, "CONFIRMED")


@MODES
def test_a_thread_that_goes_on_is_named(project: Project, mode: tuple[str, ...]) -> None:
    """What it raises when the run has ended isn't noticed; those of a pool are no such thread."""
    text = """
    import threading
    from concurrent.futures import ThreadPoolExecutor
    pool = ThreadPoolExecutor(1)
    @api
    def test_a():
        assert pool.submit(int).result() == 0
        threading.Thread(target=time.sleep, args=(2,), name="looks on").start()
        threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
    """
    project.write({"test_api.py": text, "test_shop.py": SHOP})
    ran = project.run_alone(*mode)
    assert (ran.status, ran.final) == (0, "CONFIRMED")
    assert ran.out.count("goes on after the last test") == 1
    assert ran.out.count("the thread looks on") == 1


@MODES
def test_a_suspect_pass_outlives_a_rerun(project: Project, mode: tuple[str, ...]) -> None:
    """Warnings of all attempts come together, so a rerun doesn't clear the suspicion."""
    project.write(
        {
            "test_api.py": """
            TRIES = []
            async def probe(): pass
            @api
            def test_a():
                TRIES.append(1)
                if len(TRIES) == 1:
                    probe()
                    assert 0
            """
        }
    )
    lean = [name for name in project.lean if name != "rerunfailures"]
    ran = project.run_alone(*mode, "--reruns=1", lean=lean)
    assert ran.verdicts == {"api.a": "BLOCKED proves-nothing"}
    assert not ran.criteria["api.a"]["flaky"]


QUIET = """
async def probe(): pass
@api
def test_a(): probe()
@api
def test_b(): return 1
"""


HIDING = ["ignore", "ignore::Warning", "ignore::RuntimeWarning", "i"]


@pytest.mark.parametrize(
    ("mode", "line"),
    [
        *(pytest.param(SERIAL, line, id=f"serial-{line}") for line in HIDING),
        *(pytest.param(XDIST, line, id=f"n2-{line}") for line in HIDING[: None if SWEEP else 1]),
    ],
)
def test_a_suite_that_hides_whole_kinds_of_warnings_is_heard(
    project: Project, mode: tuple[str, ...], line: str
) -> None:
    """A filter that hides warnings doesn't change what was observed."""
    project.write({"test_api.py": QUIET})
    (project.root / "pytest.ini").write_text(f"[pytest]\nfilterwarnings = {line}\n")
    assert set(project.run(*mode).verdicts.values()) == {"BLOCKED proves-nothing"}


@pytest.mark.parametrize("filters", ["ignore", "error::BytesWarning"])
def test_an_environment_that_hides_warnings_is_heard(
    project: Project, monkeypatch: pytest.MonkeyPatch, filters: str
) -> None:
    """PYTHONWARNINGS that hides warnings, as an image may set it, changes no verdict."""
    monkeypatch.setenv("PYTHONWARNINGS", filters)
    returns = "class Api(unittest.TestCase):\n    def test_c(self): return 1\n"
    project.write({"test_api.py": f"{QUIET}@api\n{returns}"})
    verdicts = project.run_alone().verdicts
    if sys.version_info < (3, 11):
        assert verdicts.pop("api.c") == "CONFIRMED"  # unittest doesn't warn of it yet
    assert set(verdicts.values()) == {"BLOCKED proves-nothing"}


@pytest.mark.parametrize(
    "line",
    [
        "ignore:coroutine .probe. was never awaited:RuntimeWarning",
        "ignore::pytest.PytestReturnNotNoneWarning",
    ],
)
def test_a_suite_may_take_a_warning_for_nothing(project: Project, line: str) -> None:
    """A filter for exactly that warning is a decision; other warnings still count."""
    project.write({"test_api.py": QUIET})
    (project.root / "pytest.ini").write_text(f"[pytest]\nfilterwarnings = {line}\n")
    verdicts = project.run().verdicts
    assert sorted(verdicts.values()) == ["BLOCKED proves-nothing", "CONFIRMED"]


def test_a_mark_has_the_last_word(project: Project) -> None:
    """A test whose own mark ignores warnings is CONFIRMED: the mark is a decision about it."""
    quiet = "@api\n@pytest.mark.filterwarnings('ignore')\ndef test_a(): return 1\n"
    project.write({"test_api.py": quiet})
    (project.root / "pytest.ini").write_text("[pytest]\nfilterwarnings = ignore\n")
    assert project.run().verdicts == {"api.a": "CONFIRMED"}


def test_the_gate_stays_closed_where_a_test_ends_the_process_with_0(project: Project) -> None:
    """The exit status can't be changed then, but the files say that nothing is confirmed."""
    project.write({"test_api.py": "@api\ndef test_a(): os._exit(0)\n"})
    ran = project.run_alone()
    assert (ran.status, ran.final) == (0, "BLOCKED")
    gate = subprocess.run(
        [sys.executable, "-m", "pytest_prodstatus", "gate"],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert gate.returncode == 10
    assert "gate closed" in gate.stdout


HIDDEN = """
import asyncio, threading, warnings
async def probe(): pass
def dies(): raise ValueError("refused")
def start():
    thread = threading.Thread(target=dies)
    thread.start()
    thread.join()
class Odd:
    def __del__(self): assert 0, "lost"
@pytest.fixture
def quiet(): warnings.simplefilter("ignore")
@pytest.fixture
def recorded():
    with warnings.catch_warnings(record=True): yield
"""
UNSEEN = {
    "return 1 == 2": "the test returned a value",
    "start()": "a thread died of what the test did not see: ValueError: refused",
    "probe()": "coroutine 'probe' was never awaited",
    "Odd()": "an assertion failed where Python can't raise it: AssertionError: lost",
}
HIDES = ("recwarn", "quiet", "recorded", "", "ignored")


@pytest.mark.parametrize(
    "mode",
    [SERIAL, pytest.param(XDIST, marks=[] if SWEEP else pytest.mark.slow)],
    ids=["serial", "n2"],
)
def test_a_test_that_hides_warnings_is_heard(project: Project, mode: tuple[str, ...]) -> None:
    """A fixture that records or ignores them, recwarn too, hides nothing of what was not seen."""
    lines, wanted = [HIDDEN], {}
    for n, (call, words) in enumerate(UNSEEN.items()):
        for hides in HIDES:
            fixture = hides.replace("ignored", "")
            within = "warnings.simplefilter('ignore'); " if hides == "ignored" else ""
            lines.append(f"@api\ndef test_{hides}{n}({fixture}): {within}{call}")
            wanted[f"api.{hides}{n}"] = words
    project.write({"test_api.py": "\n".join(lines), "test_shop.py": SHOP})
    ran = project.run(*mode)
    assert ran.final == "BLOCKED"
    for name, words in wanted.items():
        assert ran.verdicts[name] == "BLOCKED proves-nothing", name
        assert ran.criteria[name]["reason"].startswith(words), name
    assert ran.verdicts["shop.open"] == "CONFIRMED"


def test_an_object_that_can_t_be_shown_hides_nothing(project: Project) -> None:
    """What Python couldn't raise is noted also if the object has no repr, the exception no text."""
    test = """
    import threading
    class Down(AssertionError):
        def __str__(self): raise KeyError("str")
    class Shop:
        def __repr__(self): raise KeyError("repr")
        def __call__(self): raise Down
    def opens():
        try: yield
        finally: raise Down
    @api
    def test_a():
        thread = threading.Thread(target=Shop())
        thread.start()
        thread.join()
    @api
    def test_b(): next(opens())
    """
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    ran = project.run()
    assert set(ran.verdicts.values()) == {"BLOCKED proves-nothing", "CONFIRMED"}
    assert ran.verdicts["shop.open"] == "CONFIRMED"


def test_python_s_warning_names_the_line_that_drops_a_coroutine(project: Project) -> None:
    """Its place is that of the test, also since it is noted on its way to pytest."""
    project.write({"test_api.py": QUIET})
    out = project.run().out
    assert re.search(r"test_api\.py:\d+: RuntimeWarning: coroutine 'probe' was never awaited", out)
    assert out.count("was never awaited\n") == 1


@pytest.mark.skipif(pytest.version_tuple < (8, 4), reason="pytest replaces the fixture's hook")
def test_a_test_that_looks_after_its_threads_itself_is_left_alone(project: Project) -> None:
    """A fixture's own hook for threads sees a death; what it sets again is Python's and ours."""
    test = """
    import threading
    @pytest.fixture
    def own(monkeypatch): monkeypatch.setattr(threading, "excepthook", lambda died: None)
    @api
    @pytest.mark.parametrize("n", range(3))
    def test_a(own, n):
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
    @api
    def test_b():
        hook, n = threading.excepthook, 0
        while hasattr(hook, "_before"): hook, n = hook._before, n + 1
        assert n == 1
    """
    project.write({"test_api.py": test})
    assert set(project.run().verdicts.values()) == {"CONFIRMED"}


NOTICING = ["warnings", "threadexception", "unraisableexception"]


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        *(pytest.param(SERIAL, name, id=f"serial-{name}") for name in NOTICING),
        *(pytest.param(XDIST, name, id=f"n2-{name}") for name in NOTICING[: None if SWEEP else 1]),
    ],
)
def test_a_run_says_what_it_does_not_notice(
    project: Project, mode: tuple[str, ...], name: str
) -> None:
    """Without the plugin of pytest that would notice it, a pass may prove nothing."""
    project.write({"test_api.py": "@api\ndef test_a(): pass\n", "test_shop.py": SHOP})
    ran = project.run(*mode, "-p", f"no:{name}")
    assert (ran.final, ran.status) == ("CONFIRMED", 0)
    notices = [line for line in ran.out.splitlines() if "so a CONFIRMED may prove nothing" in line]
    assert [line.count(f"-p no:{name}: ") for line in notices] == [1]
