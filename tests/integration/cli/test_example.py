"""The example of another domain works by its README's commands, from a copy."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.project import LEAN, SERIAL, TIMEOUT_S, XDIST
from tests.integration.warm import path_of_scripts

EXAMPLE = Path(__file__).parents[3] / "examples" / "weather-station"
README = (EXAMPLE / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent
ADDRESS = "http://127.0.0.1:8765"

LOCAL = "pytest -m production --target local"
ASK_LOCAL = "prodstatus gate --target local --max-age 1h"
STUCK = f"STATION_FAULT=stuck {LOCAL}"
DARK = f"STATION_FAULT=dark {LOCAL}"
UNSET = "pytest -m production"
UNARMED = f"STATION_URL={ADDRESS} {UNSET}"
ARMED = f"STATION_URL={ADDRESS} STATION_TEST_WARNING=1 {UNSET}"
PARTIAL = f"STATION_URL={ADDRESS} {UNSET} --stage station,readings"
ASK = "prodstatus gate --max-age 1h"
OTHER = f"PRODSTATUS_SUBJECT=2.4.0 {LOCAL}"
COMMANDS = {LOCAL, ASK_LOCAL, OTHER, STUCK, DARK, UNSET, UNARMED, ARMED, PARTIAL, ASK}
NAME = "export PRODSTATUS_SUBJECT=2.3.1"

STATION = "station.answers-with-the-right-time"
RELEASE = "station.judged-release-answers"
READINGS = "readings.every-sensor-reported-lately"
WARNING = "warning.test-warning-is-on-the-board"

FOREIGN = {"alembic", "cryptography", "dotenv", "psycopg", "requests", "sqlalchemy", "tests"}
"""What belongs to the other suite, or to extras that the example does without."""
WORDS = re.compile(
    r"aliexpress|dropship|oauth|pay(pal|oneer|outs?)|placeorder|profit|supplier"
    r"|\b(orders?|purchased?|purchases|sales?|shops?)\b",
    re.IGNORECASE,
)
"""Words of the other suite's domain."""
WATCH = """
import atexit, os, sys
from pathlib import Path

def write():
    path = Path(os.environ["MODULES"]) / str(os.getpid())
    path.write_text("\\n".join(sys.modules))

atexit.register(write)
"""
"""A plugin that writes which modules a process had imported at its end."""


@dataclass(frozen=True)
class Run:
    """The end of one command, and the files in the output folder then."""

    status: int
    out: str
    record: dict[str, Any]

    @property
    def verdicts(self) -> dict[str, str]:
        """Each criterion's verdict and, unless it is CONFIRMED, the kind of its reason."""
        found = [criterion for stage in self.record["stages"] for criterion in stage["criteria"]]
        return {c["id"]: f"{c['verdict']} {c['kind'] or ''}".strip() for c in found}


class Example:
    """A copy of the example, and commands of its README run in it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "copy"
        left = ("__pycache__", ".*cache", ".venv", "reports")
        shutil.copytree(EXAMPLE, self.root, ignore=shutil.ignore_patterns(*left))
        self.modules = folder / "modules"
        self.modules.mkdir()
        self.watch = folder / "watch"
        self.watch.mkdir()
        (self.watch / "watch_modules.py").write_text(WATCH, encoding="utf-8")
        own = ("PRODSTATUS_", "PYTEST_", "STATION_", "GITHUB_", "CI", "COLUMNS", "PYTHONPATH")
        self.environ = {name: v for name, v in os.environ.items() if not name.startswith(own)}
        lean = [f"-pno:{name}" for name in LEAN]
        self.environ |= {
            "PRODSTATUS_HISTORY": "0",  # the `state` extra is installed here
            "PRODSTATUS_SUBJECT": NAME.partition("=")[2],
            "XDG_STATE_HOME": str(folder / "state"),
            "PYTEST_ADDOPTS": " ".join([*lean, "-pwatch_modules"]),
            "PYTHONPATH": str(self.watch),
            "MODULES": str(self.modules),
        }

    def run(self, command: str, *more: str, address: str = ADDRESS, fresh: bool = False) -> Run:
        """Run a command of the README with another address than the one in it.

        Args:
            command: as it stands there.
            more: arguments after it.
            address: the station's.
            fresh: it has to be a new interpreter, as a user's is.
        """
        words = shlex.split(command.replace(ADDRESS, address))
        given = [word for word in words if re.match("[A-Z_]+=", word)]
        program, *args = words[len(given) :]
        found = shutil.which(program, path=str(BIN) if fresh else path_of_scripts())
        assert found
        done = subprocess.run(
            [found, *args, *more],
            cwd=self.root,
            env={**self.environ, **dict(pair.split("=", 1) for pair in given)},
            text=True,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        folder = self.root / "reports" / ("local" if "local" in args else "")
        assert (folder / "status.json").is_file(), done.stdout + done.stderr
        record = (folder / "status.json").read_text(encoding="utf-8")
        document = (folder / "STATION_STATUS.md").read_text(encoding="utf-8")
        page = (folder / "status.html").read_text(encoding="utf-8")
        page = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
        # A neighbour may have such a word for its name, as pytest-order has.
        out = re.sub("^plugins: .*$", "", done.stdout, flags=re.MULTILINE)
        shown = f"{out}{done.stderr}{record}{document}{page}".replace(str(self.root), "")
        assert not WORDS.findall(shown)
        return Run(done.returncode, done.stdout, json.loads(record))

    def check_modules(self) -> None:
        """Assert that no process of pytest has imported a module that isn't the example's."""
        imported = [path.read_text(encoding="utf-8").split() for path in self.modules.iterdir()]
        assert imported
        for modules in imported:
            assert "pytest_prodstatus.fixtures" in modules
            assert not FOREIGN & {name.partition(".")[0] for name in modules}
        assert any("acceptance.client" in modules for modules in imported)


@pytest.fixture
def example(tmp_path: Path) -> Example:
    """A copy of the example in an empty folder."""
    return Example(tmp_path)


@contextmanager
def own_station(example: Example) -> Iterator[str]:
    """Run the station as a person would in a second terminal, and return its address."""
    command = [sys.executable, "station.py"]
    with subprocess.Popen(command, cwd=example.root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def test_the_readme_s_commands_are_the_ones_that_are_tested() -> None:
    """The README has exactly the commands that are run below."""
    lines = re.findall(r"^    ((?:[A-Z_]+=\S+ )*(?:pytest|prodstatus) .*)$", README, re.MULTILINE)
    assert set(lines) == COMMANDS
    assert f"    {NAME}\n" in README


@pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
def test_a_healthy_station_opens_the_gate(example: Example, mode: tuple[str, ...]) -> None:
    """All criteria are CONFIRMED with evidence, by the plugin alone."""
    if mode:
        pytest.importorskip("xdist")
    ran = example.run(LOCAL, *mode, fresh=True)
    assert ran.status == 0, ran.out
    assert ran.verdicts == dict.fromkeys((STATION, RELEASE, READINGS, WARNING), "CONFIRMED")
    assert ran.record["final"]["verdict"] == "CONFIRMED"
    assert ran.record["run"]["subject"]["endpoints"]["station"].startswith("http://127.0.0.1:")
    assert "station harbour, release 2.3.1" in ran.out
    example.check_modules()
    assert example.run(ASK_LOCAL, fresh=True).status == 0


@pytest.mark.parametrize(
    ("command", "broken", "why"),
    [
        (STUCK, READINGS, "a sensor has been silent for 118"),
        (DARK, WARNING, "it did not come true that warning 1 is on the board"),
    ],
    ids=["stuck", "dark"],
)
def test_a_sick_station_closes_the_gate(
    example: Example, command: str, broken: str, why: str
) -> None:
    """A broken part is FAILED with the reason; all others stay CONFIRMED."""
    ran = example.run(command)
    assert ran.status == 1, ran.out
    confirmed = dict.fromkeys((STATION, RELEASE, READINGS, WARNING), "CONFIRMED")
    assert ran.verdicts == {**confirmed, broken: "FAILED observed"}
    assert ran.record["final"]["verdict"] == "FAILED"
    assert why in ran.record["final"]["reason"]
    example.check_modules()
    gate = example.run(ASK_LOCAL)
    assert gate.status == 1
    assert why in gate.out


@pytest.mark.parametrize(
    ("command", "verdict", "status"),
    [(OTHER, "FAILED observed", 1), (f"PRODSTATUS_SUBJECT= {LOCAL}", "BLOCKED missing-config", 10)],
    ids=["another", "none"],
)
def test_only_the_judged_release_opens_the_gate(
    example: Example, command: str, verdict: str, status: int
) -> None:
    """Another release than the named one is FAILED, and without a name it is BLOCKED."""
    ran = example.run(command)
    assert ran.status == status, ran.out
    upstream = dict.fromkeys((READINGS, WARNING), "BLOCKED upstream")
    assert ran.verdicts == {STATION: "CONFIRMED", RELEASE: verdict, **upstream}
    assert example.run(command.replace(LOCAL, ASK_LOCAL)).status == status


def test_no_station_is_configured(example: Example) -> None:
    """An unset variable has no default: it is BLOCKED with the variable to set."""
    ran = example.run(UNSET)
    assert ran.status == 10, ran.out
    assert set(ran.verdicts.values()) == {"BLOCKED missing-config"}
    assert "set STATION_URL to the station's address" in ran.out
    example.check_modules()
    assert example.run(ASK).status == 10


def test_the_station_is_down(example: Example) -> None:
    """A station that can't be reached is BLOCKED, not FAILED, and the gate is closed."""
    with socket.socket() as bound:  # bound and not listening, so that it refuses connections
        bound.bind(("127.0.0.1", 0))
        ran = example.run(ARMED, address=f"http://127.0.0.1:{bound.getsockname()[1]}")
    assert ran.status == 10, ran.out
    assert set(ran.verdicts.values()) == {"BLOCKED provider-unavailable"}
    assert "start the station, or correct STATION_URL" in ran.out
    assert example.run(ASK).status == 10


def test_a_station_of_one_s_own(example: Example) -> None:
    """A real station is asked at its address; a warning is sent on request, and good for a week."""
    with own_station(example) as address:
        unarmed = example.run(UNARMED, address=address)
        assert unarmed.status == 10, unarmed.out
        assert unarmed.verdicts[WARNING] == "BLOCKED not-armed"
        armed = example.run(ARMED, address=address)
        assert armed.status == 0, armed.out
        partial = example.run(PARTIAL, address=address)
    assert (partial.status, partial.record["final"]["verdict"]) == (0, "CONFIRMED")
    assert not partial.record["run"]["complete"]
    example.check_modules()
    assert example.run(ASK).status == 0
