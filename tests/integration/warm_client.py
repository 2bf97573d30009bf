"""Start a Python out of a warm one, with this process's arguments, folder and standard streams.

xdist runs this file as the Python of a worker: `python -I -S warm_client.py SOCKET -u -c CODE`. It
imports next to nothing, since it is started for every worker: `json` and `signal` would take longer
than all the rest. It ends as the other process does.
"""

import os
import sys
from _signal import SIG_DFL, SIGKILL, signal  # type: ignore[import-not-found]
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_STREAM, SOL_SOCKET, socket
from array import array


def main() -> None:
    """Ask for the process, wait for it, and end with its status or by its signal."""
    connection = socket(AF_UNIX, SOCK_STREAM)
    connection.connect(sys.argv[1])
    folder = os.getcwd()  # noqa: PTH109 - an import costs more than all the rest
    job = {"args": sys.argv[2:], "folder": folder, "environment": dict(os.environ)}
    job["client"] = str(os.getpid())  # whose mounts the other process sees too
    rights = [(SOL_SOCKET, SCM_RIGHTS, array("i", [0, 1, 2]))]
    connection.sendmsg([ascii(job).encode() + b"\n"], rights)
    # Only the other process may hold the streams, so that its end is seen by their other end.
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    lines = b""  # its number, and how it ended
    while lines.count(b"\n") < 2 and (more := connection.recv(32)):
        lines += more
    status = int(lines.split()[1]) if lines.count(b"\n") == 2 else 1
    if status < 0:
        if -status != SIGKILL:
            signal(-status, SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


main()
