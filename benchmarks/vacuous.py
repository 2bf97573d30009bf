"""Run 20 kinds of test that prove nothing with several tools, and print which tool passes which.

    python -m benchmarks.vacuous

Each kind is run by itself, with each tool's own gate at its strictest: a test is linked to a
requirement if the tool knows requirements. The tools are installed into an environment of their
own; Allure's gate is a package of npm. The table says if one can't be had.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.compat.environment import ROOT, Environment

KINDS: Mapping[str, str] = {
    "nothing is asserted": "len(ROWS)",
    "a loop over nothing": "for row in ROWS:\n    assert row['ok']",
    "a failure that is swallowed": "try:\n    assert 1 == 2\nexcept Exception:\n    pass",
    "`contextlib.suppress(AssertionError)`": (
        "with contextlib.suppress(AssertionError):\n    assert 1 == 2"
    ),
    "`pytest.raises(Exception)` around an assert": (
        "with pytest.raises(Exception):\n    assert 1 == 2"
    ),
    "an early return": "if not ROWS:\n    return\nassert False",
    "a function that is never called": "def look():\n    assert False",
    "a generator that is never run": "def look():\n    yield\n    assert False\nlook()",
    "a coroutine that is never awaited": "async def look():\n    assert False\nlook()",
    "an exception that `gather` drops": (
        "async def look():\n    raise AssertionError\n"
        "async def main():\n    await asyncio.gather(look(), return_exceptions=True)\n"
        "asyncio.run(main())"
    ),
    "a thread that died": (
        "def look():\n    assert False\n"
        "thread = threading.Thread(target=look)\nthread.start()\nthread.join()"
    ),
    "an exit status that nobody reads": "subprocess.run(['false'], check=False)",
    "a comparison without `assert`": "1 == 2",
    "a comparison that is returned": "return 1 == 2",
    "a tuple": "assert (1 == 2, 'message')",
    "a constant": "assert 'not found'",
    "`x or True`": "assert ROWS or True",
    "a thing compared with itself": "value = 1\nassert value == value",
    "`all()` of nothing": "assert all(row['ok'] for row in ROWS)",
    "a comparison with NaN": "price = float('nan')\nassert not price > 100",
}
"""The body of a test by the words of its kind; the last two can't be seen by anyone."""

_HEAD = "import asyncio, contextlib, subprocess, threading\nimport pytest\nROWS = []\n\n"
_SPECIFICATION = "# Functional Specification\n\n### FS-001: It works\n\nThe service works.\n"
_ALLURE = "allure"
"""A folder beside the projects, with Allure's gate from npm."""
_STAGES = '[[tool.prodstatus.stages]]\nid = "service"\n'


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool that says whether a test is good.

    Attributes:
        package: what is installed; "" if nothing is.
        plugin: the names of its pytest plugins, which are switched off for the others.
        args: pytest's arguments.
        mark: the mark that links the test; "" if it needs none.
        files: further files of the project.
        passes: reads its verdict, if that isn't pytest's exit status.
    """

    package: str = ""
    plugin: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    mark: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    passes: Callable[[Path], bool] | None = None


def _junit_passes(project: Path) -> bool:
    cases = list(ET.parse(project / "junit.xml").iter("testcase"))  # noqa: S314  made here
    return len(cases) == 1 and not any(case.findall("*") for case in cases)


def _html_passes(project: Path) -> bool:
    page = (project / "report.html").read_text(encoding="utf-8")
    found = re.search(r'data-jsonblob="([^"]*)"', page)
    tests = json.loads(html.unescape(found[1]))["tests"] if found else {}
    return [one["result"] for test in tests.values() for one in test] == ["Passed"]


def _allure_passes(project: Path) -> bool:
    command = ["npx", "allure", "quality-gate", "--max-failures=0", "--min-tests-count=1"]
    done = subprocess.run(
        [*command, f"--cwd={project}", "results"],
        cwd=project.parent / _ALLURE,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


TOOLS: Mapping[str, Tool] = {
    "pytest": Tool(),
    "pytest `-W error`": Tool(args=("-W", "error")),
    "junitxml": Tool(args=("--junitxml=junit.xml",), passes=_junit_passes),
    "pytest-html": Tool(
        package="pytest-html",
        plugin=("html",),
        args=("--html=report.html", "--self-contained-html"),
        passes=_html_passes,
    ),
    "pytest-xspec": Tool(
        package="pytest-xspec",
        plugin=("xspec",),
        args=("--xspec-strict",),
        mark='pytest.mark.xspec("REQ-001")',
        files={"xspec.toml": '[[requirements]]\nid = "REQ-001"\n'},
    ),
    "pytest-verifies": Tool(
        package="pytest-verifies",
        plugin=("verifies",),
        args=(
            *("--verifies-baseline=baseline.json", "--verifies-disallow-orphans"),
            "--verifies-fail-under=100",
        ),
        mark='pytest.mark.verifies("REQ-001")',
        files={"baseline.json": json.dumps([{"id": "REQ-001", "description": "It works"}])},
    ),
    "pytest-gxp": Tool(
        package="pytest-gxp",
        plugin=("gxp",),
        args=("--gxp", "--gxp-strict", "--gxp-strict-coverage", "--gxp-spec-files=specs"),
        mark='pytest.mark.requirements(["FS-001"])',
        files={"specs/functional_specification.md": _SPECIFICATION},
    ),
    "Allure's gate": Tool(
        package="allure-pytest",
        plugin=("allure_pytest",),
        args=("--alluredir=results",),
        passes=_allure_passes,
    ),
    "prodstatus, by default": Tool(
        package=str(ROOT),
        plugin=("prodstatus",),
        args=("-m", "production"),
        mark='pytest.mark.stage("service")',
        files={"pyproject.toml": f"[tool.prodstatus]\n{_STAGES}"},
    ),
    "prodstatus, `require_assertion`": Tool(
        plugin=("prodstatus",),
        args=("-m", "production"),
        mark='pytest.mark.stage("service")',
        files={"pyproject.toml": f"[tool.prodstatus]\nrequire_assertion = true\n{_STAGES}"},
    ),
}


def main() -> int:
    """Run all and print the table."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        environment = Environment.make(folder / "venv", Path(sys.executable))
        environment.install("pytest")
        missing = {}
        for title, tool in TOOLS.items():
            missing[title] = _install(environment, tool)
        names = _plugins(environment)
        _print(", ".join(p for p in environment.packages() if p.startswith(("pytest", "allure"))))
        tools = {}
        for place, (title, tool) in enumerate(TOOLS.items()):
            judged = [
                _passes(environment, tool, folder / f"control-{place}-{number}", body, names)
                for number, body in enumerate(_CONTROLS if not missing[title] else ())
            ]
            if judged == [True, False]:
                tools[title] = tool
            else:
                why = missing[title] or "it doesn't tell a test that holds from one that fails here"
                _print(f"{title}: not in the table, {why}")
        results = {
            kind: {
                title: _passes(environment, tool, folder / f"{number}-{place}", body, names)
                for place, (title, tool) in enumerate(tools.items())
            }
            for number, (kind, body) in enumerate(KINDS.items())
        }
    _print_table(results, list(tools))
    return 0


_CONTROLS = ("assert ROWS == []", "assert ROWS != []")
"""A test that holds, and one that fails: a tool that is set up wrong doesn't tell them apart."""


def _install(environment: Environment, tool: Tool) -> str:
    """Install a tool, and return why that can't be done; "" if it is."""
    try:
        if tool.package:
            environment.install(tool.package)
    except subprocess.CalledProcessError:
        return f"{tool.package} can't be installed"
    if tool.passes is _allure_passes:
        npm, folder = shutil.which("npm"), environment.folder.parent / _ALLURE
        if npm is None:
            return "there is no npm"
        folder.mkdir()
        install = [npm, "install", "--silent", "allure@3"]
        if subprocess.run(install, cwd=folder, check=False, capture_output=True).returncode:
            return "allure can't be installed from npm"
        package = json.loads((folder / "node_modules/allure/package.json").read_text("utf-8"))
        _print(f"allure {package['version']} of npm")
    return ""


def _plugins(environment: Environment) -> frozenset[str]:
    code = (
        "from importlib.metadata import entry_points\n"
        "print(*sorted({point.name for point in entry_points(group='pytest11')}))"
    )
    done = subprocess.run(
        [environment.python, "-c", code], check=True, capture_output=True, text=True
    )
    return frozenset(done.stdout.split())


def _passes(
    environment: Environment, tool: Tool, project: Path, body: str, plugins: frozenset[str]
) -> bool:
    """Run one test with one tool in a new project, and return whether the tool passes it."""
    marked = f"pytestmark = {tool.mark}\n\n" if tool.mark else ""
    test = f"def test_it():\n{textwrap.indent(body, '    ')}\n"
    for name, text in {"pytest.ini": "[pytest]\n", **tool.files}.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (project / "test_it.py").write_text(f"{_HEAD}{marked}{test}", encoding="utf-8")
    kept = {*tool.plugin, *(("metadata",) if "html" in tool.plugin else ())}
    off = [f"-pno:{name}" for name in sorted(plugins - kept)]
    command = [str(environment.python), "-m", "pytest", "-q", *off, *tool.args, "test_it.py"]
    done = subprocess.run(
        command,
        cwd=project,
        capture_output=True,
        check=False,
        env={**os.environ, "PRODSTATUS_HISTORY": "0"},
    )
    return tool.passes(project) if tool.passes else done.returncode == 0


def _print_table(results: Mapping[str, Mapping[str, bool]], tools: list[str]) -> None:
    _print(f"\n| the test | {' | '.join(tools)} |")
    _print(f"|---|{'---|' * len(tools)}")
    for kind, row in results.items():
        _print(f"| {kind} | {' | '.join('passes' if row[t] else 'no' for t in tools)} |")
    counts = (sum(results[kind][title] for kind in KINDS) for title in tools)
    _print(f"| **of {len(KINDS)}** | {' | '.join(f'{n} pass' for n in counts)} |")


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
