"""Runs a demo store until its standard input ends: `python -m tests.acceptance.demo`.

It prints one line of JSON, {"environment": {…}, "owner_url": …} (or {"error": …}), when the store
is up. The starting process keeps the other end of its standard input open. If that process ends in
any way, the input ends, and so does the store.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
from types import FrameType

from tests.acceptance.demo import DemoError
from tests.acceptance.demo.store import Store


class _Stopped(BaseException):
    """A signal to end was received; not an Exception, so that no driver swallows it."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise _Stopped


def main() -> int:
    """Serve a scenario; the exit status is 0, or 1 if it could not be started."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.demo")
    parser.add_argument("--scenario", default="healthy")
    options = parser.parse_args()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _stop)
    try:
        with contextlib.suppress(_Stopped), Store(options.scenario) as store:
            _write_json({"environment": store.environment, "owner_url": store.owner_url})
            while os.read(sys.stdin.fileno(), 4096):
                pass
    except DemoError as error:
        _write_json({"error": str(error)})
        return 1
    return 0


def _write_json(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
