"""pytest's entry point: the options, the fixtures, and the session, which has the other hooks.

Every run of pytest imports this module, so it imports nothing that only a run with criteria needs.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_prodstatus import options
from pytest_prodstatus.fixtures import (  # noqa: F401  pytest finds fixtures by their names here
    eventually,
    evidence_fixture,
    prodstatus_endpoint,
    prodstatus_run_id,
    prodstatus_secret,
    prodstatus_seen_at,
    prodstatus_snapshot,
    prodstatus_subject,
    prodstatus_target,
    prodstatus_unintended,
    prodstatus_valid_for,
    prodstatus_waiting,
)
from pytest_prodstatus.session import session_of


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the long options, which no other plugin can have taken."""
    options.add_options(parser)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None]:
    """Begin the run before any conftest is loaded; expand the short options after all are."""
    session = session_of(early_config)
    # A conftest that raises, exits or never returns leaves "nothing is confirmed" behind.
    session.begin_early(parser, args)
    try:
        result = yield
    # SystemExit too; pytest calls no further hook, so the folder is unlocked here.
    except BaseException:
        session.release()
        raise
    options.expand_short_options(parser, args)
    options.show_short_options(parser, early_config.known_args_namespace)
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the marks and the session, and activate it if the run may be one to judge."""
    config.addinivalue_line(
        "markers",
        "stage(id, criterion=None, side_effects=False): the test is a criterion of this stage, "
        "named by its function or by criterion; with side_effects it acts on the world and starts "
        "at most once a run; require_assertion=False exempts it from that rule; owner and runbook "
        "(a URL) say who takes care of it, and how.",
    )
    config.addinivalue_line("markers", "production: every test that is marked with a stage.")
    session = session_of(config)
    config.pluginmanager.register(session, "prodstatus-session")
    if options.may_judge(config):
        session.activate()


@pytest.hookimpl
def pytest_sessionstart(session: pytest.Session) -> None:
    """Register the hooks about workers, if xdist is about to start some."""
    plugins = session.config.pluginmanager
    if plugins.hasplugin("dsession"):
        from pytest_prodstatus.controller import Controller

        plugins.register(Controller(session_of(session.config)), "prodstatus-controller")


@pytest.hookimpl
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that a conftest has just put into a stage, before pytest applies `-m`.

    This module is registered before any conftest, so its hook is called after theirs, and before
    pytest's own.
    """
    session_of(config).mark_late(items)
