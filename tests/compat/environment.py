"""Virtual environments, made by uv, which takes about a second for each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.compat.cells import PYTESTS, Cell

ROOT = Path(__file__).parents[2]


def find_interpreter(version: str) -> Path | None:
    """Return a Python of this version: this one, one on the path, or pyenv's; None without one."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    on_path = shutil.which(f"python{version}")
    # Each is asked for its version: on the path there may be a shim of pyenv that runs no Python.
    candidates = [
        Path(sys.executable),
        *([Path(on_path)] if on_path else []),
        *pyenv.glob(f"versions/{version}.*/bin/python"),
    ]
    return next((path for path in candidates if _version_of(path) == version), None)


def _version_of(python: Path) -> str:
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    return done.stdout.strip()


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment of its own, and commands in it."""

    folder: Path

    @property
    def python(self) -> Path:
        """The path of the environment's interpreter."""
        return self.folder / ("Scripts" if os.name == "nt" else "bin") / "python"

    @classmethod
    def make(cls, folder: Path, interpreter: Path) -> Environment:
        """Make an empty environment."""
        _uv("venv", "--quiet", "--no-project", "--python", str(interpreter), str(folder))
        return cls(folder)

    def install(self, *requirements: str) -> None:
        """Install packages, given as to `pip install`."""
        _uv("pip", "install", "--quiet", "--python", str(self.python), *requirements)

    def packages(self) -> list[str]:
        """Return the installed packages as `name==version`."""
        return _uv("pip", "freeze", "--quiet", "--python", str(self.python)).splitlines()


def requirements_of(cell: Cell) -> list[str]:
    """Return the requirements of a cell: plugin, pytest, tools, neighbours."""
    extras = {"all": "[html,state]", "html": "[html]"}.get(cell.beside, "")
    wanted = ["-e", f"{ROOT}{extras}", PYTESTS[cell.pytest], *_group("plugin-tests")]
    if cell.beside == "xdist":
        wanted += ["pytest-xdist>=3.6"]
    if cell.beside == "all":
        wanted += _group("neighbours")
        # pytest 9 has subtests of its own.
        wanted += _group("subtests") if cell.pytest.startswith("8.") else []
        # The last releases of pytest-cases and pytest-forked fail beside pytest 9.2.
        wanted += _group("older") if cell.pytest != "newest" else []
    return wanted


def _group(name: str) -> list[str]:
    return ["--group", f"{ROOT / 'pyproject.toml'}:{name}"]


def _uv(*args: str) -> str:
    """Run uv and return its output.

    Raises:
        subprocess.CalledProcessError: uv failed; its own words are on the terminal.
    """
    # uv of the development environment, which need not be on the path.
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else "uv"
    done = subprocess.run([uv, *args], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    return done.stdout
