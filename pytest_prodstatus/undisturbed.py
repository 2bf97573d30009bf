"""What the plugin does at one go is left alone meanwhile: no garbage is looked for, no assertions.

The garbage collector would look again and again through a record of thousands of criteria, in which
there is no garbage; what is made meanwhile counts as long-lived, or it would look afterwards. And
every module of a plugin is imported through pytest's hook that rewrites assertions: there are none
here, and to look costs a judged run a quarter of its start-up. In a fresh environment, as every run
of CI has, the hook compiles all of it anew, although pip did so.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_OURS = f"{__name__.partition('.')[0]}."


class _Finder:
    """Finds this package's modules as Python itself does, and no others."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a module's spec; None for any other module."""
        return PathFinder.find_spec(fullname, path, target) if fullname.startswith(_OURS) else None


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep both away, as long as it lasts."""
    collects, finder = gc.isenabled(), _Finder()
    gc.disable()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        if finder in sys.meta_path:  # not if somebody put another list together
            sys.meta_path.remove(finder)
        if collects:
            _grow_old()
            gc.enable()


def _grow_old() -> None:
    """Count what is there as long-lived, as it is, or all of it would be looked through at once."""
    # What is frozen already somebody wants left out for good, or, on 3.12, it is Python's own.
    if not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()
