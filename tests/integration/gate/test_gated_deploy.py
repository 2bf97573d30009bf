"""README's deploy script deploys only if the release was seen to work.

Each situation follows a green deployment of the same release, whose records would open the gates.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.integration.project import LEAN, TIMEOUT_S
from tests.integration.warm import path_of_scripts
from tests.unit.documentation.pages import blocks_of

BIN = Path(sys.executable).parent
SUITE = "tests/acceptance/test_service.py"
SHELLS = [shell for shell in ("sh", "dash", "bash", "ksh", "zsh") if shutil.which(shell)]
DEPLOYS = 'echo "$RELEASE" >"live/$1/version"'
LEANLY = " ".join(f"-pno:{plugin}" for plugin in LEAN)

FAILS = '\n\ndef test_pays(evidence):\n    evidence(paid="no")\n    assert 0, "no one is paid"\n'
WAITS = '\n\ndef test_pays():\n    blocked("no one has paid yet", kind="pending")\n'
FAILS_LIVE = """

def test_pays(evidence, prodstatus_target):
    evidence(target=prodstatus_target)
    assert prodstatus_target != "production", "no one is paid"
"""
BREAKS = 'raise RuntimeError("no such module")\n'
EXITS = "import os\nos._exit(0)\n"
DIES = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
ENDS_ITSELF = "\n\ndef test_ends():\n    os._exit(0)\n"
LIES = """
import pytest
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main():
    yield
    return 0
"""
UNTESTED = '\n[[tool.prodstatus.stages]]\nid = "parcel"\ncriteria = ["is-sent"]\n'
KEYS = "[pytest]\nprodstatus_dir = out\nprodstatus_target = other\n"


@dataclass(frozen=True, kw_only=True)
class Situation:
    """The conditions in which the script runs.

    Attributes:
        files: texts by path, each added to its file.
        environ: variables that are exported.
        addopts: what PYTEST_ADDOPTS adds to the command line of pytest.
        deploys: the script's own command to deploy; by default README's.
        folder: of the project, in the repository.
        prefix: a command that runs the script.
        ends: the last line that matters, and the exit status.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    addopts: str = ""
    deploys: str = DEPLOYS
    folder: str = "."
    prefix: tuple[str, ...] = ()
    ends: tuple[str, int] = ("staging", 10)

    @property
    def exported(self) -> dict[str, str]:
        """Return what is exported, besides what switches other plugins off."""
        return {**self.environ, "PYTEST_ADDOPTS": f"{LEANLY} {self.addopts}"}


_MOUNT = (
    'mount --bind reports reports && mount -o remount,ro,bind reports && cd "$PWD" && exec "$@"'
)
READ_ONLY = ("unshare", "-m", "sh", "-c", _MOUNT, "sh")
EXPORTED = {"PRODSTATUS_DIR": "out", "PRODSTATUS_TARGET": "other"}
PROMOTES, STAGING, PRODUCTION = ("promoting v41", 0), ("staging", 1), ("rolling v41 back", 1)

SITUATIONS = {
    "all green": Situation(ends=PROMOTES),
    "all green, PRODSTATUS_DIR and PRODSTATUS_TARGET exported": Situation(
        environ=EXPORTED, ends=PROMOTES
    ),
    "all green, ini keys in pytest.ini": Situation(files={"pytest.ini": KEYS}, ends=PROMOTES),
    "all green, below a pytest.ini": Situation(
        folder="packages/shop", files={"../../pytest.ini": "[pytest]\n"}, ends=PROMOTES
    ),
    "FAILED": Situation(files={SUITE: FAILS}, ends=STAGING),
    "FAILED on production only": Situation(files={SUITE: FAILS_LIVE}, ends=PRODUCTION),
    "BLOCKED": Situation(files={SUITE: WAITS}),
    "a declared criterion has no test": Situation(files={"pyproject.toml": UNTESTED}),
    "a conftest breaks": Situation(files={"conftest.py": BREAKS}),
    "a conftest exits with os._exit(0)": Situation(files={"conftest.py": EXITS}),
    "a conftest's pytest_cmdline_main returns 0": Situation(
        files={SUITE: FAILS, "conftest.py": LIES}, ends=STAGING
    ),
    "a test exits with os._exit(0)": Situation(files={SUITE: ENDS_ITSELF}),
    "pytest is killed while it collects": Situation(files={"tests/acceptance/test_a.py": DIES}),
    "pytest can't read its command line": Situation(addopts="--maxfail=x"),
    "nothing is selected": Situation(addopts="-k nothing"),
    "a part is selected": Situation(environ={"PRODSTATUS_STAGE": "service"}),
    "reports/ is read-only": Situation(prefix=READ_ONLY),
    "reports/ is read-only, and it FAILED": Situation(prefix=READ_ONLY, files={SUITE: FAILS}),
    "FAILED, PRODSTATUS_DIR exported": Situation(
        files={SUITE: FAILS}, environ={"PRODSTATUS_DIR": "out"}, ends=STAGING
    ),
    "FAILED, PRODSTATUS_TARGET exported": Situation(
        files={SUITE: FAILS}, environ={"PRODSTATUS_TARGET": "other"}, ends=STAGING
    ),
    "FAILED, ini keys in pytest.ini": Situation(
        files={SUITE: FAILS, "pytest.ini": KEYS}, ends=STAGING
    ),
    "no test, below a pytest.ini": Situation(
        folder="packages/shop",
        files={"../../pytest.ini": "[pytest]\n", "pyproject.toml": UNTESTED},
    ),
    "another release answers on staging": Situation(deploys="true", ends=STAGING),
    "another release answers on production": Situation(
        deploys='test "$1" = production || echo "$RELEASE" >"live/$1/version"', ends=PRODUCTION
    ),
}


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without a log."""

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@dataclass(frozen=True)
class Shop:
    """A project by README, with the system that it judges.

    Attributes:
        root: the project's folder.
        environ: what its user has exported.
    """

    root: Path
    environ: Mapping[str, str]

    def deploy(
        self, shell: str, prefix: tuple[str, ...] = (), **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        return subprocess.run(
            [*prefix, shell, "gated-deploy.sh"],
            cwd=self.root,
            env={**self.environ, **environ},
            text=True,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )


@contextmanager
def made_in(root: Path) -> Iterator[Shop]:
    """Make the project of someone who followed README, and run its service on this machine."""
    for block in blocks_of("README.md"):
        name = block.value("file") or block.value("append")
        if name:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(block.text, encoding="utf-8")
    for target in ("staging", "production"):
        (root / "live" / target).mkdir(parents=True)
    own = ("PRODSTATUS_", "PYTEST_", "GITHUB_")
    inherited = {name: v for name, v in os.environ.items() if not name.startswith(own)}
    handler = partial(Quiet, directory=str(root / "live"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        exported = {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PRODSTATUS_HISTORY": "0",
            "PYTEST_ADDOPTS": LEANLY,
            "STAGING_URL": f"{url}/staging",
            "PRODUCTION_URL": f"{url}/production",
            "RELEASE": "v41",
        }
        yield Shop(root, inherited | exported)
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def green(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a green deployment."""
    with made_in(tmp_path_factory.mktemp("green")) as shop:
        check(shop.deploy("sh"), PROMOTES)
        return shop.root / "reports"


@pytest.fixture
def shop(tmp_path: Path, green: Path, request: pytest.FixtureRequest) -> Iterator[Shop]:
    """The project of someone who followed README to its end, in a folder of the repository."""
    with made_in(tmp_path / getattr(request, "param", ".")) as made:
        shutil.copytree(green, made.root / "reports")
        yield made


def prepare(shop: Shop, situation: Situation) -> None:
    """Put a project into a situation."""
    for name, text in situation.files.items():
        path = shop.root / name
        former = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(former + text, encoding="utf-8")
    script = shop.root / "gated-deploy.sh"
    text = script.read_text(encoding="utf-8")
    assert text.count(DEPLOYS) == 1
    script.write_text(text.replace(DEPLOYS, situation.deploys), encoding="utf-8")
    for target in ("staging", "production"):
        (shop.root / "live" / target / "version").write_text("v40\n", encoding="utf-8")


def check(done: subprocess.CompletedProcess[str], ends: tuple[str, int]) -> None:
    """Assert the step at which the script ended, and that it went no further."""
    last, status = ends
    output = done.stdout + done.stderr
    assert done.returncode == status, output
    went_on = "deploying v41 to production" in done.stdout
    assert went_on == (last != "staging"), output
    assert ("rolling v41 back" in done.stdout) == (last == "rolling v41 back"), output
    assert ("promoting" in done.stdout) == (status == 0), output
    assert ("gate closed" in done.stdout) == (status != 0), output


@pytest.mark.parametrize(
    ("shop", "name"),
    [(situation.folder, name) for name, situation in SITUATIONS.items()],
    indirect=["shop"],
    ids=SITUATIONS,
)
def test_it_goes_on_only_if_the_release_was_seen_to_work(shop: Shop, name: str) -> None:
    """The script stops at any other end of pytest, and with any older record."""
    situation = SITUATIONS[name]
    if situation.prefix and subprocess.call([shutil.which("unshare") or "false", "-m", "true"]):
        pytest.skip("only a system's owner can mount a folder read-only")
    prepare(shop, situation)
    # A process that was started before can't see what a prefix mounts.
    path = {} if situation.prefix else {"PATH": path_of_scripts()}
    check(shop.deploy("sh", situation.prefix, **path, **situation.exported), situation.ends)


def test_it_needs_a_release(shop: Shop) -> None:
    """Without a release an earlier run could pass for this one, so the gate refuses to decide."""
    done = shop.deploy("sh", RELEASE="")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "to production" not in done.stdout


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("ends", [STAGING, PRODUCTION], ids=["staging", "production"])
def test_a_closed_gate_ends_it_in_every_shell(
    shop: Shop, shell: str, ends: tuple[str, int]
) -> None:
    """A closed gate ends the script, also on the left of `||`, where `set -e` is off."""
    prepare(shop, Situation(files={SUITE: FAILS if ends == STAGING else FAILS_LIVE}))
    check(shop.deploy(shell, PATH=path_of_scripts()), ends)
