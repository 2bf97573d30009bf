"""No garbage is looked for, and our own modules are found as Python finds them; all for a while."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import pytest_prodstatus
from pytest_prodstatus.undisturbed import undisturbed


@contextmanager
def collector(*, on: bool) -> Iterator[None]:
    """Have the garbage collector on or off, and afterwards as it was."""
    before = gc.isenabled()
    (gc.enable if on else gc.disable)()
    try:
        yield
    finally:
        (gc.enable if before else gc.disable)()


def found(name: str) -> object:
    """Return what the first finder says of a module."""
    return sys.meta_path[0].find_spec(name, pytest_prodstatus.__path__, None)


def test_only_our_own_modules_are_found() -> None:
    """Another package's, one whose name begins alike, and the package itself are left to others."""
    with undisturbed():
        assert found("pytest_prodstatus.recorder")
        for name in ("pytest", "pytest_prodstatus", "pytest_prodstatus_more.recorder", "json"):
            assert found(name) is None


def test_what_was_there_is_there_again() -> None:
    """Whatever happens meanwhile; a run within a run has a finder of its own."""
    finders = list(sys.meta_path)
    with pytest.raises(KeyError), undisturbed(), undisturbed():
        raise KeyError
    assert sys.meta_path == finders


@pytest.mark.parametrize("was_on", [True, False])
def test_the_garbage_collector_is_off_meanwhile(was_on: bool) -> None:
    """Afterwards it is as it was, also where somebody else had switched it off."""
    with collector(on=was_on):
        with undisturbed():
            assert not gc.isenabled()
        assert gc.isenabled() is was_on


@pytest.mark.skipif(gc.get_freeze_count() > 0, reason="Python 3.12 froze some of its own")
def test_what_was_made_meanwhile_is_long_lived() -> None:
    """The collector would look through all of it at once, as soon as it is on again."""
    with collector(on=True):
        with undisturbed():
            kept: list[list[object]] = [[] for _ in range(100_000)]
        assert gc.get_count()[0] < 1_000
        assert any(part is kept for part in gc.get_objects(generation=2))


def test_what_somebody_froze_stays_frozen() -> None:
    """A process that forks may have frozen what it shares with its children."""
    theirs: list[object] = []
    gc.freeze()
    try:
        with collector(on=True), undisturbed():
            pass
        assert not any(part is theirs for part in gc.get_objects())
    finally:
        gc.unfreeze()
