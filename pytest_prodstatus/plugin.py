"""pytest's entry point: hooks that put the parts in place, and no logic of their own.

An xdist worker gets a `Collector`, its controller a `Recorder` with a terminal; a serial run's only
process gets both.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from pytest_prodstatus import htmlreport, scope, settings, terminal
from pytest_prodstatus.collector import Collector
from pytest_prodstatus.fixtures import (  # noqa: F401  pytest finds fixtures by their names here
    COLLECTOR,
    SETTINGS,
    evidence_fixture,
    prodstatus_endpoint,
    prodstatus_run_id,
    prodstatus_secret,
    prodstatus_snapshot,
    prodstatus_target,
    prodstatus_waiting,
)
from pytest_prodstatus.recorder import Recorder
from pytest_prodstatus.redaction import Redaction
from pytest_prodstatus.spool import Spool

RECORDER = pytest.StashKey[Recorder]()
SPOOL = pytest.StashKey[Spool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that nobody else can own."""
    settings.add_options(parser)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(parser: pytest.Parser, args: list[str]) -> Generator[None]:
    """Understand the short options after every conftest had its turn, and give way to them."""
    result = yield
    settings.expand_short_options(parser, args)
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Put the parts in place."""
    config.addinivalue_line(
        "markers",
        "stage(id, side_effects=False): the test is a criterion of this stage; with side_effects "
        "it acts on the world and starts at most once a run.",
    )
    config.addinivalue_line("markers", "production: every test that is marked with a stage.")
    told = settings.resolve(config)
    worker_input = getattr(config, "workerinput", None)
    folder = worker_input.get("prodstatus_spool") if worker_input else None
    spool = Spool(Path(folder) if folder else None)
    config.stash[SETTINGS] = told
    config.stash[SPOOL] = spool
    redaction = Redaction(told)
    config.pluginmanager.register(redaction, "prodstatus-redaction")
    config.stash[COLLECTOR] = Collector(told, spool, redaction)
    config.pluginmanager.register(config.stash[COLLECTOR], "prodstatus-collector")
    scope.collect_only_criteria(told, config)
    words = terminal.Words(require_evidence=told.config.require_evidence)
    config.pluginmanager.register(words, "prodstatus-words")
    if worker_input is None:
        recorder = Recorder(config, told, spool, redaction)
        config.stash[RECORDER] = recorder
        if told.asked and told.judges:
            recorder.outputs.lock()
        config.pluginmanager.register(recorder, "prodstatus-recorder")
        config.pluginmanager.register(htmlreport.HtmlReport(recorder), "prodstatus-html")
        htmlreport.switch_on(told, config)
        if config.getoption("xmlpath", None):
            # Imported where it is needed, since every run pays for what is imported above.
            from pytest_prodstatus.junitxml import JUnitXml

            config.pluginmanager.register(JUnitXml.of(recorder, config), "prodstatus-junit")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Watch for criteria that take long, where there is a terminal to say so; tell GitHub."""
    recorder = session.config.stash.get(RECORDER, None)
    if recorder is not None and os.environ.get("GITHUB_ACTIONS") == "true":
        from pytest_prodstatus.github import GitHub

        # Registered after the terminal reporter, so that it speaks after pytest's own summary.
        session.config.pluginmanager.register(GitHub(recorder), "prodstatus-github")
    reporter = _reporter(session.config)
    if recorder is not None and reporter is not None and reporter.verbosity >= 0:
        waiting = terminal.Waiting(recorder)
        session.config.pluginmanager.register(waiting, "prodstatus-waiting")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell an xdist worker which run it belongs to and where its spool is."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    worker_input: dict[str, str] = node.workerinput  # type: ignore[attr-defined]
    worker_input["prodstatus_run_id"] = config.stash[SETTINGS].run_id
    worker_input["prodstatus_spool"] = str(config.stash[SPOOL].folder)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin the run, or, in a worker, tell the controller what it needs to begin.

    First of all, since xdist's own hook lets the controller go on.
    """
    config = session.config
    manifest = config.stash[COLLECTOR].manifest
    recorder = config.stash.get(RECORDER, None)
    if recorder is not None:
        recorder.begin(manifest)
    else:
        worker = config.workerinput["workerid"]  # type: ignore[attr-defined]
        config.stash[SPOOL].write_manifest(worker, manifest.to_json())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None]:
    """Judge the run before anyone reports it, and look again when everyone has."""
    recorder = session.config.stash.get(RECORDER, None)
    if recorder is None:
        return (yield)
    record = recorder.finish(int(exitstatus))
    if record is not None:
        session.exitstatus = record.decision.exit_code
    try:
        return (yield)
    finally:
        if record is not None:
            session.exitstatus = recorder.reconsider(int(session.exitstatus))
            terminal.print_board(recorder, _reporter(session.config))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let go of the output folder, and remove the spool."""
    recorder = config.stash.get(RECORDER, None)
    if recorder is not None:
        recorder.outputs.release()
    spool = config.stash.get(SPOOL, None)
    if spool is not None:
        spool.close()


def _reporter(config: pytest.Config) -> pytest.TerminalReporter | None:
    # Not asked for its class, which pytest 8 doesn't name in public.
    reporter: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    return reporter
