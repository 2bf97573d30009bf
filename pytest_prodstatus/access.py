"""How the plugin, its fixtures and a conftest come by the parts of a run, made on first use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_prodstatus import clock
from pytest_prodstatus.spool import Spool
from pytest_prodstatus.undisturbed import undisturbed

if TYPE_CHECKING:
    from pytest_prodstatus.judging import Judging
    from pytest_prodstatus.parts import Parts

PARTS = pytest.StashKey["Parts"]()
STARTED = pytest.StashKey[bool]()
"""There once the session has started."""

_SPOOL = pytest.StashKey[Spool]()
_RUN_ID = pytest.StashKey[str]()


def parts_of(config: pytest.Config) -> Parts:
    """Return the parts of this process's run, and put them in place where they aren't yet.

    Raises:
        pytest.UsageError: an option or the project's configuration is unusable; one sentence.
    """
    if PARTS not in config.stash:
        _put_in_place(config)
    return config.stash[PARTS]


def judging_of(config: pytest.Config) -> Judging | None:
    """Return what judges the run in this process, where it is in place; None in a worker."""
    parts = config.stash.get(PARTS, None)
    return parts.judging if parts is not None else None


@undisturbed()
def _put_in_place(config: pytest.Config) -> None:
    from pytest_prodstatus.parts import Parts

    parts = Parts(config, spool_of(config), run_id_of(config))
    config.stash[PARTS] = parts
    parts.register(config)
    if STARTED in config.stash and parts.judging is not None:
        parts.judging.begin_session(config)


def spool_of(config: pytest.Config) -> Spool:
    """Return the run's spool: its controller's, or one of its own."""
    if _SPOOL not in config.stash:
        folder = _worker_input(config).get("prodstatus_spool")
        config.stash[_SPOOL] = Spool(Path(folder) if folder else None)
    return config.stash[_SPOOL]


def run_id_of(config: pytest.Config) -> str:
    """Return the id of this run, the same in every process of it."""
    if _RUN_ID not in config.stash:
        told = _worker_input(config).get("prodstatus_run_id") or os.environ.get("PRODSTATUS_RUN_ID")
        made = f"{clock.now():%Y%m%dT%H%M%SZ}-{os.urandom(3).hex()}"
        config.stash[_RUN_ID] = told or made
    return config.stash[_RUN_ID]


def _worker_input(config: pytest.Config) -> dict[str, str]:
    told: dict[str, str] = getattr(config, "workerinput", {})
    return told
