"""One demo store a run: booted on first use, shared by every process, ended with the run."""

from __future__ import annotations

import json

import pytest

from tests.acceptance.demo import DemoError, DemoStore, boot

_STORE = pytest.StashKey[DemoStore]()


def demo_environment(config: pytest.Config) -> dict[str, str]:
    """Return the demo store's environment variables; boot it if this run has none yet.

    Raises:
        pytest.UsageError: the store does not start, or the scenario is unknown.
    """
    worker_input = getattr(config, "workerinput", None)
    if worker_input is not None:
        environment: dict[str, str] = json.loads(worker_input["demo_environment"])
        return environment
    if _STORE not in config.stash:
        try:
            config.stash[_STORE] = boot(config.getoption("demo_scenario"))
        except DemoError as error:
            msg = f"--target demo: {error}"
            raise pytest.UsageError(msg) from None
    return dict(config.stash[_STORE].environment)


def close(config: pytest.Config) -> None:
    """End the run's demo store, if this process booted one."""
    store = config.stash.get(_STORE, None)
    if store is not None:
        del config.stash[_STORE]
        store.close()
