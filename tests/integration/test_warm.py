"""A run out of the warm process is one of its own: nothing comes in, and its end is its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.project import XDIST, Project, wait_for
from tests.integration.warm import POSSIBLE

pytestmark = pytest.mark.skipif(not POSSIBLE, reason="each run is a new interpreter here")

LEAVES = """
@api
def test_a():
    sys.left_behind = pytest.left_behind = os.environ["LEFT_BEHIND"] = "here"
    os.chdir("/")
"""
LOOKS = """
@api
def test_a():
    assert not hasattr(sys, "left_behind") and not hasattr(pytest, "left_behind")
    assert "LEFT_BEHIND" not in os.environ
    assert os.environ["GIVEN"] == "value"
    assert os.getcwd() == str(Path(__file__).parent)
    assert "test_warm" not in sys.modules
    assert not any(name.startswith("tests.") for name in sys.modules)
"""


@pytest.mark.parametrize("mode", [(), XDIST], ids=["serial", "n2"])
def test_nothing_of_another_run_comes_in(
    project: Project, mode: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one run leaves in its process isn't in the next one, whose variables are those given."""
    project.write({"test_api.py": LEAVES})
    assert project.run_alone(*mode).status == 10  # its stage shop has no criterion
    project.write({"test_api.py": LOOKS})
    monkeypatch.setenv("GIVEN", "value")
    assert project.run_alone(*mode).verdicts == {"api.a": "CONFIRMED"}


@pytest.mark.parametrize("mode", [(), XDIST], ids=["serial", "n2"])
def test_a_run_finds_the_modules_of_its_folder(project: Project, mode: tuple[str, ...]) -> None:
    """A plugin in the run's folder is found by the controller and by each worker."""
    project.write({"theirs.py": "", "test_api.py": "import theirs\n@api\ndef test_a(): pass\n"})
    assert project.run_alone(*mode, "-p", "theirs").verdicts == {"api.a": "CONFIRMED"}


@pytest.mark.parametrize(
    ("end", "status"), [("os._exit(7)", 7), ("os.kill(os.getpid(), signal.SIGKILL)", -9)]
)
def test_an_end_is_the_process_s_own(project: Project, end: str, status: int) -> None:
    """An exit status or a signal arrives as from any child."""
    project.write({"test_api.py": f"@api\ndef test_a(): {end}\n"})
    assert project.run_alone().status == status


AT_ITS_END = """
import atexit, threading
@api
def test_a():
    atexit.register(lambda: Path("exited").touch())
    threading.Thread(target=lambda: (time.sleep(0.2), Path("joined").touch())).start()
    sys.__stdout__.write("written late")
"""


def test_what_is_done_at_an_end_is_done(project: Project) -> None:
    """Threads are waited for, functions of `atexit` are called, and what was written is there."""
    project.write({"test_api.py": AT_ITS_END})
    assert "written late" in project.run_alone("--capture=sys").out
    assert (project.root / "exited").exists()
    assert (project.root / "joined").exists()


SLEEPS = """
@api
def test_a():
    Path("pid").write_text(str(os.getpid()))
    time.sleep(600)
"""


def test_a_run_that_takes_too_long_is_ended(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run past its time is killed, and the test learns of it."""
    monkeypatch.setattr("tests.integration.project.TIMEOUT_S", 5)
    project.write({"test_api.py": SLEEPS})
    with pytest.raises(subprocess.TimeoutExpired):
        project.run_alone()
    pid = int((project.root / "pid").read_text(encoding="utf-8"))
    wait_for(lambda: not Path(f"/proc/{pid}").exists())


def test_other_settings_of_python_make_a_new_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Python reads as it starts can't be given to a fork: here, its UTF-8 mode."""
    monkeypatch.setenv("PYTHONUTF8", "0" if sys.flags.utf8_mode else "1")
    test = f"@api\ndef test_a(): assert sys.flags.utf8_mode != {sys.flags.utf8_mode}\n"
    project.write({"test_api.py": test})
    assert project.run_alone().verdicts == {"api.a": "CONFIRMED"}
