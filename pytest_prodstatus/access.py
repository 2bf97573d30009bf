"""How the plugin, its fixtures and a conftest come by the parts of a run, made on first use."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_prodstatus import clock
from pytest_prodstatus.options import (
    RUN_ID,
    asks_to_judge,
    judges,
    known_before_conftests,
    worker_input,
)
from pytest_prodstatus.spool import Spool
from pytest_prodstatus.undisturbed import undisturbed

if TYPE_CHECKING:
    from pytest_prodstatus.judging import Judging
    from pytest_prodstatus.parts import Parts

PARTS = pytest.StashKey["Parts"]()
STARTED = pytest.StashKey[bool]()
"""There once the session has started."""

_EARLY = pytest.StashKey["Parts"]()
"""What began before any conftest was imported."""
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


def begin_early(config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Write that nothing is confirmed, if the run was asked to judge, before any conftest is read.

    So the last run's verdict doesn't outlive a conftest that breaks, exits or hangs. An xdist
    worker, which can't be told from its controller yet but by this variable, writes nothing. A run
    that a test of a worker starts has the variable too, and begins when it is configured.

    Raises:
        pytest.UsageError: the settings can't be used, or another run writes the folder.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        _begin(config, known_before_conftests(config, parser, args))


def abandon(config: pytest.Config) -> None:
    """Let go of the output folder after a conftest could not be imported."""
    parts = config.stash.get(_EARLY, None)
    if parts is not None:
        parts.release()


def _begin(config: pytest.Config, namespace: argparse.Namespace) -> None:
    if judges(namespace) and asks_to_judge(config, namespace=namespace):
        from pytest_prodstatus.parts import Parts

        parts = Parts(config, spool_of(config), run_id_of(config), namespace)
        config.stash[_EARLY] = parts
        parts.start()


@undisturbed()
def _put_in_place(config: pytest.Config) -> None:
    from pytest_prodstatus.parts import Parts

    parts = Parts(config, spool_of(config), run_id_of(config))
    early = config.stash.get(_EARLY, None)
    if early is not None:
        if early.settings == parts.settings:
            parts = early
        else:
            early.release()  # a conftest has taken one of the short options
    config.stash[PARTS] = parts
    parts.start()
    parts.register(config)
    if STARTED in config.stash and parts.judging is not None:
        parts.judging.begin_session(config)


def spool_of(config: pytest.Config) -> Spool:
    """Return the run's spool: its controller's, or one of its own."""
    if _SPOOL not in config.stash:
        folder = worker_input(config).get("prodstatus_spool")
        config.stash[_SPOOL] = Spool(Path(folder) if folder else None)
    return config.stash[_SPOOL]


def run_id_of(config: pytest.Config) -> str:
    """Return the id of this run, the same in every process of it."""
    if _RUN_ID not in config.stash:
        given = os.environ.get(RUN_ID, "").strip()
        made = f"{clock.now():%Y%m%dT%H%M%SZ}-{os.urandom(3).hex()}"
        config.stash[_RUN_ID] = worker_input(config).get("prodstatus_run_id") or given or made
    return config.stash[_RUN_ID]
