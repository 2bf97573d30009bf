"""The warm process of `warm`: it imports and runs everything once, and then forks for each job."""

from __future__ import annotations

import array
import ast
import atexit
import contextlib
import ctypes
import gc
import importlib
import importlib.util
import inspect
import io
import os
import platform
import runpy
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import types
from pathlib import Path
from typing import Any, NoReturn

import pytest

_PROJECT = {
    "pyproject.toml": """
[tool.prodstatus]
[[tool.prodstatus.stages]]
id = "api"
[[tool.prodstatus.stages]]
id = "shop"
requires = ["api"]
""",
    "folder/test_warm.py": """
import pytest
@pytest.mark.stage("api")
def test_a(evidence): evidence(n=1)
@pytest.mark.stage("shop")
def test_b(): pass
""",
}
_OF_XDIST = (
    *("xdist.plugin", "xdist.workermanage", "xdist.dsession", "xdist.remote", "xdist.scheduler"),
    *("execnet.gateway_base", "execnet.gateway_bootstrap", "encodings.ascii"),
    *("pytest_prodstatus.xdist", "pytest_prodstatus.process_end", "pytest_prodstatus.model.clocks"),
)
_PROGRAMS = {"pytest": "pytest:console_main", "prodstatus": "pytest_prodstatus.cli.main:main"}
_READ = 1 << 16


class Workers:
    """A plugin of the controller's that lets its local workers come out of the warm process too."""

    def __init__(self, python: str) -> None:
        self._python = python

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self, specs: list[Any]) -> None:
        """Give each worker that is started on this machine another Python."""
        bootstrap = importlib.import_module("execnet.gateway_bootstrap")
        send_source = bootstrap.bootstrap_exec

        def begin(io: Any, spec: Any) -> None:
            (bootstrap.bootstrap_import if spec.python == self._python else send_source)(io, spec)

        # To another Python execnet sends its source, which takes a fifth of a worker to compile.
        vars(bootstrap)["bootstrap_exec"] = begin
        for spec in specs:
            if spec.popen and not spec.python:
                spec.python = self._python


def see_mounts_of(process: str) -> None:
    """Enter another process's mount namespace, if it has one of its own, as on another machine.

    Raises:
        OSError: this user may not.
    """
    theirs, own = (Path(f"/proc/{one}/ns/mnt") for one in (process, "self"))
    if theirs.readlink() == own.readlink():
        return
    with theirs.open("rb") as namespace:  # os.setns is new in Python 3.12
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), f"can't see the mounts of process {process}")


def work(job: dict[str, Any]) -> int:
    """Do what a new interpreter would.

    That is `python -m pytest` or, for a client, a program by its name or `-c CODE` of xdist.
    """
    if "client" in job:
        see_mounts_of(job["client"])
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    tempfile.tempdir = None
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    args = job["args"]
    theirs = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    if "workers" in job:
        sys.path[:0] = [job["folder"], *theirs]
        for name in _OF_XDIST:  # keeps the path of the time when it was imported, for its workers
            if hasattr(module := sys.modules.get(name), "_sys_path"):
                vars(module)["_sys_path"] = sys.path.copy()
        sys.argv = [pytest.__file__, *args]
        return int(pytest.main(args, plugins=[Workers(job["workers"])]))
    if args[0] in _PROGRAMS:
        sys.path[:0] = theirs
        sys.argv = args
        package, _, function = _PROGRAMS[args[0]].partition(":")
        return int(getattr(importlib.import_module(package), function)() or 0)
    sys.path[:0] = ["", *theirs]
    sys.argv = ["-c"]
    exec(args[args.index("-c") + 1], vars(main))  # as `python -c` does
    return 0


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return a job and the descriptors of its standard streams."""
    streams = array.array("i")
    line, rights, _, _ = connection.recvmsg(_READ, socket.CMSG_SPACE(3 * streams.itemsize))
    for _, _, data in rights:
        streams.frombytes(data)
    while not line.endswith(b"\n"):
        line += connection.recv(_READ)
    return ast.literal_eval(line.decode()), list(streams)


def take(connection: socket.socket) -> dict[str, Any]:
    """Fork for one job; return it in the new process, while this one waits for that and ends."""
    os.setsid()
    job, streams = receive(connection)
    child = os.fork()
    if child:
        for stream in streams:
            os.close(stream)
        _follow(child, connection)
    os.setsid()  # a group of its own, with its workers
    connection.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    return job


def _follow(child: int, connection: socket.socket) -> None:
    """Report a child and how it ends; kill it if nobody waits for it any more. Never returns."""
    with contextlib.suppress(OSError):
        connection.send(b"%d\n" % child)
    end = os.pidfd_open(child)
    ready, _, _ = select.select([connection.fileno(), end], [], [])
    if end not in ready:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(OSError):
        connection.send(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def serve(path: str) -> dict[str, Any] | None:
    """Fork for every connection until standard input ends; return a job in its own process."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    os.write(1, b"+")
    while True:
        ready, _, _ = select.select([listener.fileno(), 0], [], [])
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if 0 in ready:  # the tests have ended, in one way or another
            shutil.rmtree(Path(path).parent, ignore_errors=True)
            return None
        connection, _ = listener.accept()
        if not os.fork():
            listener.close()
            return take(connection)
        connection.close()


def end(status: int) -> NoReturn:
    """End this process as an interpreter does, but for freeing its memory.

    That takes a quarter of a small run, since each page with an object in it is copied first.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError, ValueError):
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        os._exit(status)
    sys.exit(status)  # Python has its own status for what couldn't be written


def warm_up(options: list[str], modules: list[str]) -> None:
    """Import what runs import, as they do, and run a small project."""
    path, folder = sys.path.copy(), Path.cwd()
    # Not imported: a run out of this process may have a package `tests` of its own.
    runpy.run_path(str(Path(__file__).parents[1] / "economy.py"))["save"]()
    printed = io.StringIO()
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(printed):
        for file, text in _PROJECT.items():
            Path(name, file).parent.mkdir(exist_ok=True)
            Path(name, file).write_text(text, encoding="utf-8")
        os.chdir(name)
        assert pytest.main(["-qq", *options]) == 0, printed.getvalue()
        os.chdir(folder)
    del sys.modules["test_warm"]
    if importlib.util.find_spec("xdist"):
        modules = [*modules, *_OF_XDIST]
    for module in modules:
        importlib.import_module(module)
    platform.platform()  # by a program, whose answer is kept; each worker reports it
    inspect.getsource(warm_up)  # and so are the patterns of `tokenize`
    sys.path[:] = path[1:]  # without this file's own folder
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    # A shell's background job ignores interrupts, and so would each run.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    arguments = sys.argv[2:]
    given = [word for word in arguments if word.startswith("-")]
    warm_up(given, [word for word in arguments if word not in given])
    todo = serve(sys.argv[1])
    if todo is not None:
        try:
            last = work(todo)
        except SystemExit as ended:
            if not isinstance(ended.code, int):
                raise
            last = ended.code
        end(last)
