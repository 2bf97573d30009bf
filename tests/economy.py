"""What each of thousands of runs would do again, and no rule can show: done once, or not at all.

With PRODSTATUS_SWEEP=1, and in every new interpreter that a test starts, nothing is left out.
"""

from __future__ import annotations

import importlib.metadata
import os
import stat
import sys
import sysconfig
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

POSSIBLE = os.environ.get("PRODSTATUS_SWEEP") != "1"


class Installed(importlib.metadata.Distribution):
    """An installed distribution whose files are read once."""

    def __init__(self, found: importlib.metadata.Distribution) -> None:
        self._found = found
        self._texts: dict[str, str | None] = {}

    def read_text(self, filename: str) -> str | None:
        """Return the text of one of its metadata files."""
        if filename not in self._texts:
            self._texts[filename] = self._found.read_text(filename)
        return self._texts[filename]

    def locate_file(self, path: Any) -> Any:
        """Return where one of its files lies."""
        return self._found.locate_file(path)

    @cached_property
    def metadata(self) -> Any:
        """Its metadata."""
        return super().metadata

    @cached_property
    def entry_points(self) -> Any:
        """Its entry points."""
        return super().entry_points

    @cached_property
    def files(self) -> Any:
        """Its files."""
        return super().files


def reading_once(
    find: Callable[..., Any],
) -> Callable[..., Iterator[importlib.metadata.Distribution]]:
    """Return `importlib.metadata.distributions` that reads the environment once, others each time.

    pytest asks for all of them several times in every run, which takes a quarter of a small one.
    """
    environment = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    kept: dict[str, tuple[int, list[Installed]]] = {}

    def distributions(**given: Any) -> Iterator[importlib.metadata.Distribution]:
        if given:
            yield from find(**given)
            return
        for folder in list(sys.path):
            if folder not in environment:
                yield from find(path=[folder])
                continue
            changed = Path(folder).stat().st_mtime_ns
            if kept.get(folder, (None,))[0] != changed:
                kept[folder] = changed, [Installed(one) for one in find(path=[folder])]
            yield from kept[folder][1]

    return distributions


def not_waiting(flush: Callable[[int], None]) -> Callable[[int], None]:
    """Return `os.fsync` that doesn't wait for the disk, as only a power cut could show."""

    def fsync(descriptor: int) -> None:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            flush(descriptor)

    return fsync


def save() -> None:
    """Let this process, and what is forked out of it, do without."""
    if POSSIBLE:
        importlib.metadata.distributions = reading_once(importlib.metadata.distributions)
        os.fsync = not_waiting(os.fsync)  # type: ignore[assignment]
