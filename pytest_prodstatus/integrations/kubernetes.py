"""The termination message of a container: FINAL and the reasons, for `kubectl describe`.

This is the plugin `prodstatus-kubernetes`, registered if `--prodstatus-termination-message` names a
file, or if the run is in a container of Kubernetes that has one; `-p no:prodstatus-kubernetes`
switches it off. It reports the verdict and never changes it.

Source: "Determine the Reason for Pod Failure" in Kubernetes' documentation. The kubelet mounts the
file itself into the container, so it is written in place, and takes at most 4096 bytes of it.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from pathlib import Path

import pytest

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.rollup import cause_line
from pytest_prodstatus.model.text import cut
from pytest_prodstatus.recorder import Recorder
from pytest_prodstatus.writers import write_failure
from pytest_prodstatus.writers.board import final_line

DEFAULT = Path("/dev/termination-log")
"""The file that the kubelet mounts if the pod names no other."""

LIMIT = 4096
"""Bytes of the message that the kubelet takes."""

_BEGUN = "FINAL BLOCKED: the run is in progress or was killed, so nothing is confirmed\n"


def message_file(
    given: str, environ: Mapping[str, str] = os.environ, default: Path = DEFAULT
) -> Path | None:
    """Return the file of the termination message; None if there is none.

    Args:
        given: the value of the option; "" if there is none.
        environ: the environment.
        default: the file that the kubelet mounts.
    """
    if given:
        return Path(given)
    if environ.get("KUBERNETES_SERVICE_HOST") and os.access(default, os.W_OK):
        return default
    return None


def message_of(record: Record) -> str:
    """Return the message about a run: its last line, then causes and actions, as much as fits."""
    decision = record.decision
    lines = [final_line(record).text, *map(cause_line, decision.causes)]
    lines += [f"→ {action}" for action in decision.actions]
    return cut("\n".join(lines) + "\n", LIMIT)


class TerminationMessage:
    """Writes the message of one run, when it begins and when it has ended."""

    def __init__(self, recorder: Recorder, path: Path) -> None:
        self.recorder = recorder
        self.path = path
        self._write(_BEGUN)  # stays if the container is killed

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self) -> Generator[None]:
        """Write the message after the run was judged."""
        result = yield
        record = self.recorder.record
        if record is not None:
            self._write(message_of(record))
        return result

    def _write(self, text: str) -> None:
        """Write the container's termination message; if that fails, add a notice once."""
        # Without waiting, since the file may be a pipe that no one reads.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NONBLOCK", 0)
        try:
            with open(os.open(self.path, flags, 0o644), "wb") as file:  # noqa: PTH123
                file.write(text.encode())
        except OSError as error:
            notice = f"{write_failure(self.path, error)}: it has no termination message"
            if notice not in self.recorder.outputs.notices:
                self.recorder.outputs.notices.append(notice)
