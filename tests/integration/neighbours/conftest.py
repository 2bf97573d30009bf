"""Inner runs with every installed neighbour loaded, in one process and with `-n 2`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

import pytest

from tests.integration.project import CONFIG, SERIAL, XDIST, Project, Ran
from tests.integration.warm import RERUNNERS

STRICT = """
[tool.pytest.ini_options]
addopts = ["--strict-markers", "--strict-config"]
filterwarnings = ["error"]
"""

# pytest-asyncio warns if this is unset, which pytest 9.1 and newer take for an error here.
ASYNCIO = 'asyncio_default_fixture_loop_scope = "function"\n'

# Installed for the tests' own sake, and slow to import in each inner process.
TOOLS = ("hypothesispytest",)

# Beside pytest 9.2, pytest-cases 3.10 can't be imported, and pytest-forked 1.7 can't send a report.
collect_ignore = ["test_cases.py", "test_forked.py"] if pytest.version_tuple >= (9, 1) else []


class Beside:
    """A project whose runs load every neighbour and turn every warning into an error."""

    def __init__(self, project: Project, mode: tuple[str, ...]) -> None:
        self.project = project
        self.mode = mode
        self.serial = mode == SERIAL
        self.write({})

    def write(self, files: Mapping[str, str], *, ini: str = "") -> None:
        """Write the project's files, and lines of its pytest configuration."""
        known = ASYNCIO if find_spec("pytest_asyncio") else ""
        self.project.write({**files, "pyproject.toml": CONFIG + STRICT + known + ini})

    def run(
        self,
        *args: str,
        without: tuple[str, ...] = (),
        reruns: tuple[str, ...] = ("rerunfailures",),
    ) -> Ran:
        """Run the project in processes of its own; the record, document and page must agree.

        Args:
            args: the command line.
            without: plugins that are kept out.
            reruns: which of the plugins for reruns are loaded.
        """
        rivals = [name for name in RERUNNERS if name not in reruns]
        lean = (*TOOLS, *rivals, *without)
        ran = self.project.run_alone(*self.mode, *args, lean=lean, fresh=True)
        assert "INTERNALERROR" not in ran.out + ran.err
        ran.check_coherent()
        return ran


@pytest.fixture(params=[SERIAL, XDIST], ids=["serial", "n2"])
def beside(request: pytest.FixtureRequest, project: Project) -> Beside:
    """A project beside all neighbours, to be run in one process, and with `-n 2`."""
    return Beside(project, request.param)
