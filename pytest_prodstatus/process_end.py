"""How a child process ended, as far as its parent and the kernel know.

xdist says of a dead worker only that it ended. On Linux and other systems with `waitid`, the
controller can still look at a worker that it started itself, since it hasn't been reaped by then.
A worker behind ssh or another gateway can't be looked at, and nothing is said of it.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
from pathlib import Path

from pytest_prodstatus import clock

GRACE_S = 0.5
"""How long a process may take to end after it closed its connection."""

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")
_KERNEL_LOG = Path("/dev/kmsg")
_OOM_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)
_RECORD_SIZE = 8192  # a record of /dev/kmsg is at most this long
_RECORDS = 100_000


def end_of(pid: int, oom_kills: int | None) -> str:
    """Return how a child ended, in a few words; "" if that isn't known.

    Args:
        pid: the child, which nobody has waited for; it isn't waited for here either.
        oom_kills: what `count_oom_kills` returned when the child began; None if it wasn't known.
    """
    if not hasattr(os, "waitid"):
        return ""
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    end = clock.elapsed() + GRACE_S
    try:
        # WNOWAIT leaves the child to execnet, which waits for it itself.
        while (state := os.waitid(os.P_PID, pid, options)) is None:
            if clock.elapsed() > end:
                return "it closed its connection and still runs"
            clock.sleep(0.005)
    except OSError:  # not a child of this process, or waited for
        return ""
    if state.si_code == os.CLD_EXITED:
        return f"exit status {state.si_status}"
    text = f"signal {state.si_status}"
    with contextlib.suppress(ValueError):  # a real-time signal has no name
        text += f", {signal.Signals(state.si_status).name}"
    killed = state.si_status == signal.SIGKILL
    return f"{text}, probably out of memory" if killed and _out_of_memory(pid, oom_kills) else text


def count_oom_kills() -> int | None:
    """Return how many processes of this control group the kernel killed for want of memory.

    None if the kernel keeps no such count here.
    """
    for file in _memory_files():
        with contextlib.suppress(OSError, UnicodeDecodeError):
            found = _OOM_KILLS.search(file.read_text(encoding="ascii"))
            if found:
                return int(found[1])
    return None


def _memory_files() -> list[Path]:
    """Return the files with this process's count, of control groups 2 and 1."""
    try:
        lines = _OWN_CGROUP.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    files = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root, name = _CGROUPS, "memory.events"
        elif "memory" in controllers.split(","):
            root, name = _CGROUPS / "memory", "memory.oom_control"
        else:
            continue
        # A container may see the path of the host, and its own group as the root.
        files += [root / path.lstrip("/") / name, root / name]
    return files


def _out_of_memory(pid: int, before: int | None) -> bool:
    """Return whether the kernel killed a process for want of memory, as far as it says."""
    now = count_oom_kills()
    if before is not None and now is not None and now > before:
        return True
    return f"Killed process {pid} " in _kernel_log()


def _kernel_log() -> str:
    """Return the kernel's log; "" if this user may not read it."""
    records = []
    try:
        log = os.open(_KERNEL_LOG, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        for _ in range(_RECORDS):
            with contextlib.suppress(BrokenPipeError):  # the kernel overwrote the next record
                records.append(os.read(log, _RECORD_SIZE))
    except OSError:  # BlockingIOError at its end
        pass
    finally:
        os.close(log)
    return b"".join(records).decode("utf-8", "replace")
