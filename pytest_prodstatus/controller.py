"""The controller of xdist's workers: what it sends to each, and what it takes from them."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from pytest_prodstatus import __version__, clock
from pytest_prodstatus.options import BASIS, INTENT, intent_of
from pytest_prodstatus.process_end import count_oom_kills
from pytest_prodstatus.session import Session
from pytest_prodstatus.spool import worker_id
from pytest_prodstatus.xdist import ends_of, manifest_from, open_channel, start_none_again

if TYPE_CHECKING:
    from pytest_prodstatus.criteria import Manifest


class Controller:
    """The hooks that xdist calls in the process that starts workers.

    Args:
        session: of this process; it becomes active if a worker has criteria, or dies.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._acting = ""
        # By the hash of their text: the worker that sent it first, and what it says.
        self._manifests: dict[int, tuple[str, Manifest | None]] = {}
        self._oom_kills: int | None = None
        self._nodes: list[object] = []

    @pytest.hookimpl
    def pytest_configure_node(self, node: object) -> None:
        """Send a worker the values that it must agree on, before it reads its own options."""
        session = self._session
        self._oom_kills = count_oom_kills()
        open_channel(node)
        self._nodes.append(node)
        values: dict[str, object] = node.workerinput  # type: ignore[attr-defined]
        values["prodstatus_run_id"] = session.run_id
        values[INTENT] = intent_of(session.config)
        session.spool.make()
        values["prodstatus_spool"] = str(session.spool.folder or "")
        values["prodstatus_version"] = __version__
        # Decided here: with `--dist each` workers don't know of each other.
        values["prodstatus_acts"] = self._may_act(worker_id(node))
        values["prodstatus_clock"] = clock.timestamp()
        left = session.seconds_left
        if left is not None:
            values["prodstatus_seconds_left"] = max(0.0, left)
        if session.judge is not None:
            settings = session.settings
            basis = session.basis()
            if basis is not None:
                values[BASIS] = basis.to_json()
            values["prodstatus_catalogue"] = settings.config.catalogue.digest
            values["prodstatus_unmarked"] = session.judge.outputs.unmarked
            values["prodstatus_commit"] = session.judge.commit
            if settings.has_project:
                values["prodstatus_root"] = str(settings.root)

    def _may_act(self, worker: str) -> bool:
        """Return whether a worker that is about to start may start criteria with side effects.

        `--dist each` runs every test on every worker. Then only one worker may, and if it died,
        the one that replaces it.
        """
        if self._session.config.getoption("dist", "no") != "each":
            return True
        self._acting = self._acting or worker
        return self._acting == worker

    @pytest.hookimpl(wrapper=True)
    def pytest_xdist_make_scheduler(self) -> Generator[None, object, object]:
        """Keep the scheduler from starting a test again that a worker died in."""
        scheduler = yield
        start_none_again(scheduler, lambda: self._session.active)
        return scheduler

    @pytest.hookimpl
    def pytest_xdist_node_collection_finished(self, node: object, ids: object) -> None:  # noqa: ARG002
        """Begin with the first worker's manifest, and compare that of each other with it.

        That is before xdist gives any worker a test.

        Raises:
            pytest.UsageError: the criteria make no catalogue, the worker refused to run, or two
                workers can't take part in one run.
        """
        text, worker = manifest_from(node), worker_id(node)
        # Workers that collected the same send the same text; without a criterion it may be none.
        if hash(text) in self._manifests:
            return
        first, known = next(iter(self._manifests.values()), (worker, None))
        if text is None and not known:
            self._manifests[hash(text)] = worker, None
            return
        from pytest_prodstatus.criteria import Manifest

        manifest = Manifest.from_json(text) if text else Manifest()
        error = ""
        if self._manifests and not manifest.error and not (known and known.error):
            error = manifest.disagreement(worker, known or Manifest(), first)
        self._manifests[hash(text)] = worker, manifest
        if known is None and not manifest.selected:
            from pytest_prodstatus.terminal import reporter_of

            # pytest asks for such lines where it collects, which the controller doesn't.
            if reporter := reporter_of(self._session.config):
                for line in self._session.left_out(manifest.criteria):
                    reporter.write_line(line)
        if known is None or error or manifest.error:
            self._session.begin(Manifest(error=error) if error else manifest)
        if error:
            raise pytest.UsageError(error)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Let a hook at the end of a worker count as it does in this process.

        By the end of xdist's own hook, the workers' processes have ended.
        """
        try:
            return (yield)
        finally:
            judge = self._session.judge
            if judge is not None:
                from pytest_prodstatus.model.verdict import worse_status

                for node, end, more in [(n, *end) for n in self._nodes for end in ends_of(n)]:
                    if isinstance(more, int):
                        session.exitstatus = worse_status(more, int(session.exitstatus))
                    else:
                        judge.note_end(end, more, worker_id(node))

    @pytest.hookimpl
    def pytest_testnodedown(self, node: object, error: object) -> None:
        """Note a worker that died, since it may have had criteria."""
        worker = worker_id(node)
        if not error:
            return
        if worker == self._acting:
            self._acting = ""
        recorder = self._session.activate().recorder
        if recorder is not None:
            from pytest_prodstatus.process_end import end_of

            pid = self._session.spool.read_pid(worker)
            end = end_of(pid, self._oom_kills) if pid is not None else ""
            recorder.note_worker_down(worker, error, end)
