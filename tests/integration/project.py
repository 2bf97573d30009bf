"""A small project with criteria, and the result of one inner run of pytest over it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.integration.warm import LEAN as LEAN
from tests.integration.warm import python_of_workers, run_pytest, start_pytest

HEAD = """
import os, signal, sys, time, unittest
from pathlib import Path
import pytest
from pytest_prodstatus import Blocked, Money, blocked
api = pytest.mark.stage("api")
shop = pytest.mark.stage("shop")

"""
"""The first lines of every test file of an inner project."""

CONFIG = """
[tool.prodstatus]
document = "STATUS.md"

[[tool.prodstatus.stages]]
id = "api"

[[tool.prodstatus.stages]]
id = "shop"

[[tool.prodstatus.stages]]
id = "final"
rollup = ["api", "shop"]
"""
"""Two stages, and FINAL over both."""

SHOP = "@shop\ndef test_open():\n    pass\n"
"""A criterion that passes, `shop.open`, so that a row can show the verdict of the others."""

TIMEOUT_S = 120
SERIAL: tuple[str, ...] = ()
XDIST = ("-n", "2")
_ELSEWHERE = """#!/bin/sh
exec unshare --mount sh -c 'mount -t tmpfs none "$TMPDIR" && exec "$0" "$@"' {python} "$@"
"""
"""A Python with a temporary folder of its own, as on another machine."""
_OFF = """
import time
for name, unit in (("time", 1), ("time_ns", 10**9)):
    setattr(time, name, lambda read=getattr(time, name), unit=unit: read() + {seconds} * unit)
for name, unit in (("clock_gettime", 1), ("clock_gettime_ns", 10**9)):
    def read(which, read=getattr(time, name), unit=unit):
        wall = which in (time.CLOCK_REALTIME, 5)  # and Linux's coarse one
        return read(which) + {seconds} * unit * wall
    setattr(time, name, read)
"""
"""What Python imports first of all, in a process whose clock is off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How one inner run ended and what lies in its output folder.

    Attributes:
        status: the exit status; negative if a signal ended the process.
        found_record: the record's JSON; None if there is none.
        files: names of everything in the output folder.
    """

    status: int
    out: str
    err: str
    found_record: dict[str, Any] | None
    document: str | None
    page: str | None
    files: frozenset[str]

    @property
    def record(self) -> dict[str, Any]:
        """The record, which this run must have written."""
        assert self.found_record is not None, f"no record; the run printed:\n{self.out}\n{self.err}"
        return self.found_record

    @property
    def criteria(self) -> dict[str, dict[str, Any]]:
        """The record's criteria by id."""
        return {c["id"]: c for stage in self.record["stages"] for c in stage["criteria"]}

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        """The record's stages by id."""
        return {stage["id"]: stage for stage in self.record["stages"]}

    @property
    def verdicts(self) -> dict[str, str]:
        """Each criterion's verdict and, unless it is CONFIRMED, the kind of its reason."""
        return {name: _verdict(c) for name, c in self.criteria.items()}

    @property
    def final(self) -> str:
        """The FINAL verdict."""
        verdict: str = self.record["final"]["verdict"]
        return verdict

    @property
    def last_line(self) -> str:
        """The last line on the terminal that isn't blank."""
        return next((line for line in reversed(self.out.splitlines()) if line.strip()), "")

    def values(self, criterion_id: str) -> dict[str, Any]:
        """Return a criterion's evidence by name, without its dates."""
        kept = ("name", "at")
        evidence = self.criteria[criterion_id]["evidence"]
        return {e["name"]: {k: v for k, v in e.items() if k not in kept} for e in evidence}

    def check_coherent(self) -> None:
        """Assert what holds after every run: one verdict everywhere, and a gate that follows it."""
        record = self.record
        final, decision = record["final"], record["decision"]
        stages = {stage["id"]: stage for stage in record["stages"]}
        if "final" in stages:
            assert stages["final"]["verdict"] == final["verdict"]
        assert (final["verdict"] == "CONFIRMED") == (final["reason"] is None)
        for stage in record["stages"]:
            if stage["verdict"] == "CONFIRMED":
                assert all(c["verdict"] == "CONFIRMED" for c in stage["criteria"])
            else:
                assert stage["reason"]
            for criterion in stage["criteria"]:
                assert (criterion["verdict"] == "CONFIRMED") == (criterion["reason"] is None)
                if criterion["verdict"] == "CONFIRMED":
                    assert criterion["observed"] == "CONFIRMED"
                    assert criterion["observed_at"]
        assert self.document is not None
        assert self.page is not None
        for stage in record["stages"]:
            applies = stage["kind"] != "not-applicable"
            value = f"**{stage['verdict']}**" if applies else "not applicable: "
            assert f"**{stage['title']}:** {value}" in self.document
        if record["decision"]["rule"] == "confirmed":
            assert decision["open"] == (final["verdict"] == "CONFIRMED" and bool(self._finished))
        partial = decision["selection"]["partial"]
        # The output of a process that ends itself can't be fixed; its files are right.
        if self._finished and not partial and decision["rule"] == "confirmed":
            assert self.status != 0 or final["verdict"] == "CONFIRMED"
        if self._finished and self.status >= 0:
            assert decision["exit_code"] == self.status

    @property
    def _finished(self) -> str | None:
        finished: str | None = self.record["run"]["finished"]
        return finished


def _verdict(criterion: Mapping[str, Any]) -> str:
    kind = criterion["kind"]
    return f"{criterion['verdict']} {kind}" if kind else str(criterion["verdict"])


class Project:
    """A project in a folder of its own, and inner runs of pytest over it."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.root = pytester.path
        self.lean = LEAN
        self._numbers = count()
        self.write({"pyproject.toml": CONFIG})

    def write(self, files: Mapping[str, str]) -> None:
        """Write files; a test file gets the common head."""
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            body = textwrap.dedent(text).lstrip("\n")
            is_test = path.suffix == ".py" and path.stem != "conftest"
            former = path.stat() if path.exists() else None
            path.write_text((HEAD if is_test else "") + body, encoding="utf-8")
            if former:  # bytecode is that of a source of the same size and second
                os.utime(path, (former.st_mtime + 1, former.st_mtime + 1))

    @property
    def folder(self) -> Path:
        """The default output folder of a run."""
        return self.root / "reports"

    def run(
        self,
        *args: str,
        lean: Sequence[str] = LEAN,
        folder: Path | None = None,
        fresh: bool = False,
    ) -> Ran:
        """Run pytest over the project: in this process, or with `-n` in one of its own.

        Args:
            args: the command line.
            lean: neighbours that are kept out.
            folder: the run's output folder, if it isn't the default.
            fresh: a process of its own must be a new interpreter; see `run_alone`.
        """
        if any(arg.startswith(("-n", "--tx")) for arg in args):
            return self.run_alone(*args, lean=lean, folder=folder, fresh=fresh)
        _need(args)
        with warnings.catch_warnings():
            warnings.resetwarnings()
            done = self.pytester.runpytest_inprocess(*_without(lean, args), *args)
        return self.left(int(done.ret), done.stdout.str(), done.stderr.str(), folder)

    def remote(self, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
        """Return the arguments for two workers that see the project and no temporary folder."""
        able = subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True)
        if able.returncode != 0:
            pytest.skip("this user may not mount: unshare --mount is refused")
        own = self.root / ".tmp"
        own.mkdir(exist_ok=True)
        monkeypatch.setenv("TMPDIR", str(own))
        python = self.root / ".python"
        python.write_text(_ELSEWHERE.format(python=python_of_workers()), encoding="utf-8")
        python.chmod(0o700)
        # Without -n, xdist replaces a worker that dies as often as it dies.
        return ("--dist=load", "--max-worker-restart=8", f"--tx=2*popen//python={python}")

    def with_clocks(self, *seconds: int) -> tuple[str, ...]:
        """Return the arguments for workers whose clocks are so many seconds ahead."""
        workers = []
        for number, ahead in enumerate(seconds):
            folder = self.root / f".clock{number}"
            self.write({f"{folder.name}/sitecustomize.py": ""})
            (folder / "sitecustomize.py").write_text(_OFF.format(seconds=ahead), encoding="utf-8")
            python = folder / "python"
            path = f"{folder}:$PYTHONPATH"
            python.write_text(
                f'#!/bin/sh\nPYTHONPATH={path} exec {sys.executable} "$@"\n', encoding="utf-8"
            )
            python.chmod(0o700)
            workers.append(f"--tx=popen//python={python}")
        return ("--dist=load", "--max-worker-restart=8", *workers)

    def run_alone(
        self,
        *args: str,
        lean: Sequence[str] = LEAN,
        folder: Path | None = None,
        fresh: bool = False,
    ) -> Ran:
        """Run pytest over the project in a process of its own.

        Args:
            args: the command line.
            lean: neighbours that are kept out.
            folder: the run's output folder, if it isn't the default.
            fresh: the process must be a new interpreter, as in a test about imports; see `warm`.
        """
        _need(args)
        own = self.root / f"runpytest-{next(self._numbers)}"
        path = os.pathsep.join(filter(None, [str(self.root), os.environ.get("PYTHONPATH")]))
        home = {"HOME": str(self.root), "USERPROFILE": str(self.root), "PYTHONPATH": path}
        done = run_pytest(
            [f"--basetemp={own}", *_without(lean, args), *args],
            folder=self.root,
            environment={**os.environ, **home},
            timeout=TIMEOUT_S,
            fresh=fresh,
        )
        return self.left(done.returncode, done.stdout, done.stderr, folder)

    def run_piped(self, *args: str) -> tuple[int, str, str]:
        """Run pytest with its output on pipes; return its status, output and errors."""
        _need(args)
        done = run_pytest([*_without(LEAN), *args], folder=self.root, timeout=TIMEOUT_S, piped=True)
        return done.returncode, done.stdout, done.stderr

    def run_signalled(self, number: signal.Signals, *args: str, fresh: bool = False) -> Ran:
        """Run pytest in a process of its own and send it a signal once `running` exists."""
        _need(args)
        # Into files: workers that outlive a killed controller would keep a pipe open for seconds.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            process = start_pytest(
                [*_without(LEAN), *args], folder=self.root, out=out, err=err, fresh=fresh
            )
            try:
                wait_for((self.root / "running").exists)
                process.send_signal(number)
                process.wait(timeout=TIMEOUT_S)
            finally:
                # Those workers are ours too.
                end_group(process.pid)
                process.wait()
            out.seek(0)
            err.seek(0)
            assert process.returncode is not None
            return self.left(process.returncode, out.read(), err.read())

    def left(self, status: int, out: str, err: str, folder: Path | None = None) -> Ran:
        """Return the result of a run, with the files of its output folder."""
        folder = folder or self.folder
        text = _read(folder / "status.json")
        names = folder.rglob("*") if folder.is_dir() else ()
        return Ran(
            status=status,
            out=out,
            err=err,
            found_record=json.loads(text) if text is not None else None,
            document=_read(folder / "STATUS.md"),
            page=_read(folder / "status.html"),
            files=frozenset(str(path.relative_to(folder)) for path in names if path.is_file()),
        )


def _without(plugins: Sequence[str], args: Sequence[str] = ()) -> list[str]:
    # pytest-assume can't be configured without it, also with plain pytest: it reads its option.
    more = ["assume"] if any(arg.endswith("no:terminal") for arg in args) else []
    return [f"-pno:{name}" for name in (*plugins, *more)]


def _need(args: Sequence[str]) -> None:
    """Leave out a run with an option of a plugin that isn't installed, since none is needed."""
    for option, module in _OWNERS.items():
        if any(arg.startswith(option) for arg in args) and find_spec(module) is None:
            pytest.skip(f"{module} is not installed")


_OWNERS = {
    "-n": "xdist",
    "--tx": "xdist",
    "--max-worker": "xdist",
    "--reruns": "pytest_rerunfailures",
    "--html": "pytest_html",
}


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, and fail when it doesn't within a minute."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "what the inner run was to do first never happened"
        time.sleep(0.01)


def end_group(group: int) -> None:
    """End what is left of a process group that this test started."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None


def plain(text: str) -> str:
    """Return terminal text without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
