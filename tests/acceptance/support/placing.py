"""Whether the criterion that places the order is over, told between the processes of one run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_prodstatus.state.entry import Entry
    from tests.acceptance.support.clock import Waiting


def acts(item: pytest.Item) -> bool:
    """Return whether a criterion acts on the world."""
    mark = item.get_closest_marker("stage")
    return mark is not None and mark.kwargs.get("side_effects") is True


class Placing:
    """A note in a folder that all processes of a run share.

    Args:
        folder: theirs.
        run_id: names the run, since the folder may serve another one later.
    """

    def __init__(self, folder: Path, run_id: str) -> None:
        self._note = folder / f"placed-{re.sub(r'[^A-Za-z0-9.-]', '_', run_id)}"

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self._note.exists()

    def end(self) -> None:
        """Say that it is over, however it ended."""
        self._note.touch()


def awaited_order(
    find: Callable[[], Entry | None], placing: Placing, wait: Waiting
) -> Entry | None:
    """Return the order that another process is placing, None where none came of it.

    Args:
        find: looks for it in the journal.
        placing: ends the wait where nothing will come.
        wait: bounds it.
    """

    def look() -> tuple[Entry | None, bool]:
        over = placing.over  # before the journal, so that an order is never missed
        return find(), over

    found, _ = wait(look, any)
    return found
