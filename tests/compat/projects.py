"""Well-known projects' own tests, once without the plugin and once with it, compared."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.compat.cells import PYTESTS
from tests.compat.environment import ROOT, Environment
from tests.compat.junit import read_outcomes
from tests.compat.output import write_lines, write_packages

CACHES = ("__pycache__", ".pytest_cache", ".hypothesis")
# Output that differs between any two runs, and the header line that names plugins.
DIFFERING = (
    (re.compile(r"\b\d+\.\d+ ?s(econds)?\b( \(\d+:\d\d:\d\d\))?"), "TIME"),
    (re.compile(r"={3,} (.*?) ={3,}"), r"= \1 ="),
    (re.compile(r"0x[0-9a-f]+"), "ADDRESS"),
    (re.compile(r"pytest-\d+/"), "pytest-N/"),
    (re.compile(r"^plugins: .*\n", re.MULTILINE), ""),
)


@dataclass(frozen=True, slots=True)
class Project:
    """A project whose source distribution has its tests.

    Attributes:
        name: on PyPI.
        version: pinned, so that a result can be reproduced.
        needs: further packages that its tests need.
        tests: pytest's path arguments.
    """

    name: str
    version: str
    needs: tuple[str, ...] = ()
    tests: tuple[str, ...] = ("tests",)


PROJECTS = {
    project.name: project
    for project in (
        Project("click", "8.5.1"),
        Project("itsdangerous", "2.2.0", ("freezegun",)),
        Project("pluggy", "1.7.0", (), ("testing",)),
        Project("pytest-mock", "3.17.0", ("pytest-asyncio",)),
        Project("pytest-timeout", "2.4.0", ("pexpect", "pytest-cov"), ("test_pytest_timeout.py",)),
    )
}


@dataclass(frozen=True, slots=True)
class ProjectRun:
    """The result of one run of a project's tests."""

    status: int
    output: str
    outcomes: frozenset[tuple[tuple[str, str, str], int]]
    files: frozenset[tuple[str, str]]


def compare(name: str, pytest: str, interpreter: Path, work: Path) -> list[str]:
    """Return every difference that the plugin makes to a project's own tests.

    Raises:
        subprocess.CalledProcessError: no environment could be made, or the download failed.
    """
    project = PROJECTS[name]
    environment = Environment.make(work / "environment", interpreter)
    # The plugin's dependencies are in both runs, since a test may check for a library.
    # pip is for `_fetch`: uv can't download a source distribution.
    needed = (str(ROOT), *project.needs, "pip")
    environment.install(f"{name}=={project.version}", PYTESTS[pytest], *needed)
    _uninstall(environment)
    source = _fetch(project, environment, work)
    without = _run(project, source, environment, work)
    environment.install("--no-deps", str(ROOT))
    beside = _run(project, source, environment, work)
    write_lines(f"{name} {project.version}: {_totals(without)}")
    write_packages(environment.packages())
    return [*find_differences(without, beside)]


def _uninstall(environment: Environment) -> None:
    subprocess.run(
        [environment.python, "-m", "pip", "uninstall", "-q", "-y", "pytest-prodstatus"], check=True
    )


def _fetch(project: Project, environment: Environment, work: Path) -> Path:
    # Not the wheel, which has no tests.
    download = ["-m", "pip", "download", "-q", "--no-deps", "--no-binary", project.name]
    wanted = f"{project.name}=={project.version}"
    subprocess.run([environment.python, *download, "-d", work / "source", wanted], check=True)
    return next((work / "source").glob("*.tar.gz"))


def _run(project: Project, source: Path, environment: Environment, work: Path) -> ProjectRun:
    """Run the tests in a fresh copy, at the same place each time since output may show its path."""
    place = work / "project"
    shutil.rmtree(place, ignore_errors=True)
    with tarfile.open(source) as archive:
        archive.extractall(place, filter="data")
    # A source distribution is one folder, named after project and version.
    root = next(place.iterdir())
    report = work / "junit.xml"
    command = [str(environment.python), "-m", "pytest", f"--junitxml={report}", *project.tests]
    # Nothing of the run that this is part of: pytest sets PYTEST_CURRENT_TEST, for example.
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PRODSTATUS"))}
    done = subprocess.run(
        command, cwd=root, check=False, capture_output=True, text=True, env=clean, timeout=1800
    )
    return ProjectRun(
        status=done.returncode,
        output=without_times(done.stdout + done.stderr),
        outcomes=frozenset(read_outcomes(report).items()) if report.exists() else frozenset(),
        files=frozenset(_files(place)),
    )


def without_times(text: str) -> str:
    """Return a run's output without the times and names that differ from run to run."""
    for pattern, instead in DIFFERING:
        text = pattern.sub(instead, text)
    return text


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.rglob("*"):
        if path.is_file() and not set(path.parts) & set(CACHES):
            yield str(path.relative_to(folder)), hashlib.sha256(path.read_bytes()).hexdigest()


def _totals(run: ProjectRun) -> str:
    last = re.findall(r"^= (.*\b(?:passed|failed|error)\b.*) =$", run.output, re.MULTILINE)
    return f"exit status {run.status}; {last[-1] if last else 'no totals'}"


def find_differences(without: ProjectRun, beside: ProjectRun) -> Iterator[str]:
    """Yield every difference of two runs, and reasons why the comparison proves nothing."""
    if without.status != 0:
        yield f"it ended with {without.status} without the plugin already, which shows little"
    if without.status != beside.status:
        yield f"exit status {without.status} without the plugin, {beside.status} with it"
    if not without.outcomes:
        yield f"no test ran:\n{without.output}"
    # A test that ran more or less often is in both, with another count.
    for test, count in sorted(without.outcomes ^ beside.outcomes):
        yield f"{'without' if (test, count) in without.outcomes else 'with'}: {test} x {count}"
    for file, _ in sorted(without.files ^ beside.files):
        yield f"another file in the project: {file}"
    lines = difflib.unified_diff(without.output.splitlines(), beside.output.splitlines(), "without",
                                 "with", lineterm="", n=0)  # fmt: skip
    yield from lines
