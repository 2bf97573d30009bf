"""pytest's entry point: hooks that hand on to the parts of a run, and no logic of their own.

Every run of pytest imports this module, so it names nothing but what a run without criteria needs.
An xdist worker's parts have a collector, its controller's a recorder with a terminal; the only
process of a serial run has both.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_prodstatus import options
from pytest_prodstatus.access import (
    PARTS,
    STARTED,
    abandon,
    begin_early,
    judging_of,
    parts_of,
    run_id_of,
    spool_of,
)
from pytest_prodstatus.fixtures import (  # noqa: F401  pytest finds fixtures by their names here
    evidence_fixture,
    prodstatus_endpoint,
    prodstatus_run_id,
    prodstatus_secret,
    prodstatus_snapshot,
    prodstatus_subject,
    prodstatus_target,
    prodstatus_waiting,
)
from pytest_prodstatus.watch import Watch


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that nobody else can own."""
    options.add_options(parser)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None]:
    """Begin before any conftest; understand the short options after all of them."""
    begin_early(early_config, parser, args)
    try:
        result = yield
    except BaseException:
        abandon(early_config)
        raise
    options.expand_short_options(parser, args)
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Put the parts in place, or watch for a reason to."""
    config.addinivalue_line(
        "markers",
        "stage(id, side_effects=False): the test is a criterion of this stage; with side_effects "
        "it acts on the world and starts at most once a run.",
    )
    config.addinivalue_line("markers", "production: every test that is marked with a stage.")
    if options.may_judge(config):
        parts_of(config)
    else:
        config.pluginmanager.register(Watch(config), "prodstatus-watch")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Let the parts begin."""
    config = session.config
    config.stash[STARTED] = True
    judging = judging_of(config)
    if judging is not None:
        judging.begin_session(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell an xdist worker which run it belongs to and where its spool is."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    worker_input: dict[str, str] = node.workerinput  # type: ignore[attr-defined]
    worker_input["prodstatus_run_id"] = run_id_of(config)
    worker_input["prodstatus_spool"] = str(spool_of(config).folder)
    if PARTS in config.stash:
        parts = config.stash[PARTS]
        if parts.settings.has_project:
            worker_input["prodstatus_root"] = str(parts.settings.root)
        worker_input["prodstatus_unmarked"] = parts.unmarked


@pytest.hookimpl
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what was put into a stage only now, before pytest's own `-m` looks.

    This module is registered before any conftest, so its hook is called after theirs, and before
    pytest's own.
    """
    parts = config.stash.get(PARTS, None)
    if parts is not None and config.getoption("markexpr", ""):
        parts.collector.mark(items)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin the run, or, in a worker, tell the controller what it needs to begin.

    First of all, since xdist's own hook lets the controller go on.
    """
    config = session.config
    if PARTS not in config.stash:
        return
    parts = config.stash[PARTS]
    manifest = parts.collector.manifest
    if parts.judging is not None:
        parts.judging.recorder.begin(manifest)
        parts.collector.unmarked = parts.unmarked
    else:
        worker = config.workerinput["workerid"]  # type: ignore[attr-defined]
        spool_of(config).write_manifest(worker, manifest.to_json())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None]:
    """Judge the run before anyone reports it, and look again when everyone has."""
    parts = session.config.stash.get(PARTS, None)
    if parts is not None:
        parts.end_forked_process()
    judging = judging_of(session.config)
    if judging is None or not judging.finish(session, int(exitstatus)):
        return (yield)
    try:
        return (yield)
    except BaseException as error:
        judging.recorder.note_late_failure(error)
        raise
    finally:
        judging.reconsider(session)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_unconfigure(config: pytest.Config) -> Generator[None]:
    """Assert the exit status after everyone, let go of the output folder, and remove the spool."""
    try:
        return (yield)
    except BaseException as error:
        judging = judging_of(config)
        if judging is not None:
            judging.recorder.note_late_failure(error)
        raise
    finally:
        parts = config.stash.get(PARTS, None)
        if parts is not None:
            parts.end_forked_process()
            if parts.judging is not None:
                parts.judging.end(config)
            parts.release()
        spool_of(config).close()
