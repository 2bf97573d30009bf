"""Inner runs out of a process that has imported pytest, xdist and the plugin already.

An inner run with two workers starts three interpreters, and most of its time goes into the imports
of each. Here one process imports all of it, runs one small project, and from then on forks: the
controller, and its workers by way of `warm_client`. Each has a process of its own, as by
`python -m pytest`: its folder, environment, streams, exit status or signal.

Only Linux has it. With PRODSTATUS_SWEEP=1 every run is a new interpreter, and always so is one that
tests ask for as `fresh`: tests about imports, neighbours, and how a worker ended, which only its
parent knows.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

CLIENT = Path(__file__).with_name("warm_client.py")
SERVER = Path(__file__).with_name("warm_server.py")
POSSIBLE = (
    sys.platform == "linux"
    and sys.implementation.name == "cpython"
    and os.environ.get("PRODSTATUS_SWEEP") != "1"
)
_SENT = 1 << 16


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a Python reads as it starts, which a fork can't change."""
    names = [name for name in environment if name.startswith("PYTHON") and name != "PYTHONPATH"]
    return {name: environment[name] for name in names}


_SETTINGS = _settings(os.environ)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a process ended: its exit status, or the negative number of its signal."""

    returncode: int
    stdout: str
    stderr: str


class Started:
    """A process out of a warm one, as far as tests use `subprocess.Popen`.

    Attributes:
        pid: its number; it leads a group of its own.
        returncode: how it ended; None until it was waited for.
    """

    def __init__(self, connection: socket.socket, args: Sequence[str]) -> None:
        self._connection, self._args = connection, args
        self._lines = connection.makefile("rb")
        self.pid = int(self._lines.readline())
        self.returncode: int | None = None

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it ends, and return how.

        Raises:
            subprocess.TimeoutExpired: it took longer; it is ended.
        """
        if self.returncode is None:
            self._connection.settimeout(timeout)
            try:
                self.returncode = int(self._lines.readline())
            except TimeoutError:
                self.returncode = -signal.SIGKILL  # by the other process, which sees this end
                raise subprocess.TimeoutExpired(list(self._args), timeout or 0) from None
            finally:
                self._lines.close()
                self._connection.close()
        return self.returncode


@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    """What a warm process imports beside pytest, xdist and the plugin.

    Attributes:
        without: installed plugins that it doesn't load; a run can still do so.
        modules: what the runs out of it import.
    """

    without: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


RERUNNERS = ("rerunfailures", "pytest-retry", "flaky")
"""Plugins that read one mark, `flaky`, each with arguments that the others refuse or misread, so
that a run loads one of them at most."""
# Neighbours that most tests don't need: each costs an inner process an import; asyncio's warns.
# playwright and pytest-retry keep the state of one session for the process, so that two runs in one
# process, as a test's and the one inside it, fail with plain pytest too.
LEAN = ("randomly", "hypothesispytest", "html", "metadata", "cacheprovider", *RERUNNERS,
        "anyio", "asyncio", "platformdirs", "playwright")  # fmt: skip
PLAIN = Imports(without=LEAN, modules=("pytest_prodstatus.cli.main", "pytest_prodstatus.cli.gate"))
SUITE = Imports(
    without=("hypothesispytest", "cacheprovider"),
    modules=(
        "alembic.config",
        "alembic.command",
        "cryptography.hazmat.primitives.ciphers.aead",
        "cryptography.hazmat.primitives.kdf.scrypt",
        "cryptography.hazmat.primitives.padding",
        "psycopg",
        "requests",
        "sqlalchemy.dialects.postgresql.psycopg",
        "sqlalchemy.dialects.sqlite",
        "tenacity",
    ),
)
"""For runs of the store's suite, which imports all of these."""


class Warm:
    """A warm process, which ends with this one."""

    def __init__(self, imports: Imports) -> None:
        # Short, for a socket's path; a test's own temporary folder may be deep.
        self._folder = Path(tempfile.mkdtemp(prefix="prodstatus-warm-", dir="/tmp"))
        self._socket = self._folder / "socket"
        python = shlex.join([sys.executable, "-I", "-S", str(CLIENT)])
        self._client = f"{python} {self._socket}"
        self._process = subprocess.Popen(
            [
                *(sys.executable, str(SERVER), str(self._socket)),
                *(f"-pno:{name}" for name in imports.without),
                *imports.modules,
            ],
            env={"PATH": os.environ.get("PATH", ""), "PRODSTATUS_HISTORY": "0", **_SETTINGS},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        atexit.register(self._close)
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            assert stdout.read(1) == b"+", "the warm process didn't start"

    def start(
        self,
        args: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        out: int,
        err: int,
    ) -> Started:
        """Start `python -m pytest` with these arguments in a process of its own.

        Args:
            args: pytest's.
            folder: the current folder of the run.
            environment: its whole environment.
            out: the descriptor of its standard output.
            err: the same for its errors.
        """
        job = {"args": list(args), "folder": str(folder), "environment": dict(environment)}
        job["workers"] = self._client
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self._socket))
        line = ascii(job).encode() + b"\n"
        begin = line[:_SENT]
        with Path(os.devnull).open("rb") as nothing:
            socket.send_fds(connection, [begin], [nothing.fileno(), out, err])
        connection.sendall(line[len(begin) :])
        return Started(connection, args)

    def run(
        self,
        args: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        timeout: float,
        piped: bool,
    ) -> Done:
        """Run `python -m pytest` with these arguments in a process of its own.

        Raises:
            subprocess.TimeoutExpired: it took longer; it has been ended.
        """
        with (
            tempfile.TemporaryFile(dir=self._folder) as out,
            tempfile.TemporaryFile(dir=self._folder) as err,
        ):
            with contextlib.ExitStack() as stack:
                ends = [file.fileno() for file in (out, err)]
                if piped:
                    ends = [stack.enter_context(_pipe_to(file)) for file in (out, err)]
                started = self.start(
                    args, folder=folder, environment=environment, out=ends[0], err=ends[1]
                )
                status = started.wait(timeout)
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode("utf-8", "replace").replace("\r\n", "\n"))
            return Done(returncode=status, stdout=texts[0], stderr=texts[1])

    @property
    def python(self) -> str:
        """The command of a Python out of it, for a worker that xdist starts."""
        return self._client

    def programs(self) -> Path:
        """Return a folder with the programs `pytest` and `prodstatus`, for a script's PATH.

        Of a run with workers, these are new interpreters.
        """
        folder = self._folder / "bin"
        folder.mkdir(exist_ok=True)
        for name in ("pytest", "prodstatus"):
            program = folder / name
            program.write_text(f'#!/bin/sh\nexec {self._client} {name} "$@"\n', encoding="utf-8")
            program.chmod(0o700)
        return folder

    def _close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


@contextlib.contextmanager
def _pipe_to(file: IO[bytes]) -> Iterator[int]:
    """Give the descriptor of a pipe whose other end is written to a file."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file) as cat:
        assert cat.stdin is not None
        yield cat.stdin.fileno()


@functools.cache
def warm(imports: Imports) -> Warm:
    """Return this process's warm one, which is started with its first use."""
    return Warm(imports)


def python_of_workers() -> str:
    """Return the command of a worker's Python, out of a warm process."""
    return warm(PLAIN).python if POSSIBLE else shlex.quote(sys.executable)


def path_of_scripts() -> str:
    """Return the PATH of a script that calls `pytest` and `prodstatus`, out of a warm process.

    At least one test of each script leaves it out, so that the script also runs as a user's does.
    """
    found = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return f"{warm(PLAIN).programs()}{os.pathsep}{found}" if POSSIBLE else found


def _may_be_warm(environment: Mapping[str, str], *, fresh: bool) -> bool:
    return POSSIBLE and not fresh and _settings(environment) == _SETTINGS


def start_pytest(
    args: Sequence[str], *, folder: Path, out: IO[str], err: IO[str], fresh: bool = False
) -> Started | subprocess.Popen[str]:
    """Start `python -m pytest` in a process of its own, which leads a group.

    Args:
        args: pytest's.
        folder: the current folder of the run.
        out: where its standard output goes.
        err: the same for its errors.
        fresh: it has to be a new interpreter.
    """
    if _may_be_warm(os.environ, fresh=fresh):
        ends = {"out": out.fileno(), "err": err.fileno()}
        return warm(PLAIN).start(args, folder=folder, environment=os.environ, **ends)
    # A shell's background job ignores interrupts, and so would the run, which inherits that.
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *args],
            cwd=folder,
            stdout=out,
            stderr=err,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, former)


def run_pytest(
    args: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    timeout: float = 120,
    imports: Imports = PLAIN,
    fresh: bool = False,
    piped: bool = False,
) -> Done:
    """Run `python -m pytest` in a process of its own, out of a warm one if that is the same.

    Args:
        args: pytest's.
        folder: the current folder of the run.
        environment: its whole environment; by default that of this process.
        timeout: in seconds.
        imports: what may have been imported before it begins.
        fresh: it has to be a new interpreter, whose outputs are always pipes.
        piped: its outputs have to be pipes; by default they are files.
    """
    environment = os.environ if environment is None else environment
    if _may_be_warm(environment, fresh=fresh):
        return warm(imports).run(
            args, folder=folder, environment=environment, timeout=timeout, piped=piped
        )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *args],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
        check=False,
    )
    return Done(returncode=done.returncode, stdout=done.stdout, stderr=done.stderr)
