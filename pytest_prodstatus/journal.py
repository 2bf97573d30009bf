"""The journal of real actions, for test code: an action that can't be undone happens at most once.

    from pytest_prodstatus.journal import Journal, Limit, Plan, once_a_day

The names below are public, besides those of `pytest_prodstatus`. Each is imported on first use and
needs the extra `state`. How to use them: docs/how-to/real-action.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_prodstatus.store import (
        Claimed,
        ClockBehind,
        Expired,
        IllegalTransition,
        InvalidRecord,
        JournalError,
        JournalUnavailable,
        UnknownAction,
        Unresolved,
        is_local_file,
        state_url,
    )
    from pytest_prodstatus.store.action import (
        Action,
        Event,
        Key,
        Limit,
        Plan,
        State,
        once,
        once_a_day,
    )
    from pytest_prodstatus.store.journal import Journal

__all__ = [
    "Action",
    "Claimed",
    "ClockBehind",
    "Event",
    "Expired",
    "IllegalTransition",
    "InvalidRecord",
    "Journal",
    "JournalError",
    "JournalUnavailable",
    "Key",
    "Limit",
    "Plan",
    "State",
    "UnknownAction",
    "Unresolved",
    "is_local_file",
    "once",
    "once_a_day",
    "once_a_release",
    "project_name",
    "state_url",
]

_NAMES = {
    "store.action": (
        *("Action", "Event", "Key", "Limit", "Plan", "State"),
        *("once", "once_a_day"),
    ),
    "store": (
        *("is_local_file", "state_url"),
        *("Claimed", "ClockBehind", "Expired", "IllegalTransition", "InvalidRecord"),
        *("JournalError", "JournalUnavailable", "UnknownAction", "Unresolved"),
    ),
    "store.journal": ("Journal",),
}
_HOME = {name: home for home, names in _NAMES.items() for name in names}


def once_a_release(release: str | None) -> Key:
    """Return the key of a release, as in "v41"; without one, end the test as BLOCKED.

    Args:
        release: the fixture `prodstatus_subject`, which is None in a run that names no release.

    Raises:
        Blocked: there is no release, kind missing-config.
    """
    from pytest_prodstatus.blocking import blocked
    from pytest_prodstatus.store import action

    if not release:
        blocked(
            "no release was named, and this action is done once a release",
            kind="missing-config",
            remedy="add --prodstatus-subject",
        )
    return action.once_a_release(release)


def project_name(root: Path) -> str:
    """Return the name of the project in a folder, as history, overrides and journal store it."""
    from pytest_prodstatus.project import name_in

    return name_in(root)


if not TYPE_CHECKING:  # or a type checker would take any name for a public one

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        from importlib import import_module

        try:
            return getattr(import_module(f"pytest_prodstatus.{_HOME[name]}"), name)
        except ModuleNotFoundError as error:
            msg = f"{error}: the journal needs pip install 'pytest-prodstatus[state]'"
            raise ModuleNotFoundError(msg, name=error.name) from error
