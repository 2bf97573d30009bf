"""What the workers of a run share: the demo store, booted once, and the key of a snapshot."""

from __future__ import annotations

import json
import os

import pytest

from pytest_prodstatus import target_of


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a person choose a sick store."""
    parser.addoption(
        "--demo-scenario",
        default="healthy",
        metavar="NAME",
        help="with --target demo: the store to judge, healthy or sick in a known way",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse an unknown store before anything runs."""
    scenario = config.getoption("demo_scenario")
    if scenario != "healthy":
        from tests.acceptance.demo.scenarios import SCENARIOS

        if scenario not in SCENARIOS:
            msg = f"--demo-scenario {scenario!r}: there is no such store; stores are "
            raise pytest.UsageError(msg + ", ".join(SCENARIOS))


_KEY = pytest.StashKey[str]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Hand the demo store's environment, and a key that only this run has, to an xdist worker."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    key = config.stash.setdefault(_KEY, os.urandom(32).hex())
    node.workerinput["snapshot_key"] = key  # type: ignore[attr-defined]
    if target_of(config) == "demo":
        from tests.acceptance.demo.run import demo_environment

        environment = json.dumps(demo_environment(config))
        node.workerinput["demo_environment"] = environment  # type: ignore[attr-defined]


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End the demo store, if this process booted one."""
    import sys

    run = sys.modules.get("tests.acceptance.demo.run")
    if run is not None:
        run.close(config)
