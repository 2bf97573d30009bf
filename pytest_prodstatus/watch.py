"""A run that nobody called one to judge: it is watched for a first criterion, at little cost."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING

import pytest

from pytest_prodstatus.access import PARTS, parts_of, spool_of
from pytest_prodstatus.options import STAGE_MARK
from pytest_prodstatus.spool import worker_id

if TYPE_CHECKING:
    from pytest_prodstatus.parts import Parts


class Watch:
    """Puts the parts of the run in place as soon as there is a criterion, or something failed.

    They then hear what they missed: the hooks that are being called at that moment aren't theirs.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self._collected: list[pytest.CollectReport] = []

    @property
    def over(self) -> bool:
        """Whether the parts are in place, and hear everything themselves."""
        return PARTS in self.config.stash

    def _wake(self) -> Parts:
        parts = parts_of(self.config)
        for report in self._collected:
            self._tell(parts, report)
        self._collected.clear()
        return parts

    @staticmethod
    def _tell(parts: Parts, report: pytest.CollectReport) -> None:
        parts.redaction.mask_collected(report)
        parts.collector.pytest_collectreport(report)
        if parts.judging is not None:
            parts.judging.recorder.pytest_collectreport(report)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self,
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Wake where a file did not collect: what is said of it may hold a secret."""
        report = yield
        if not report.passed and not self.over:
            self._wake().collector.keep_reason(report)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Wake where a file did not collect in a worker; remember those that did."""
        if self.over:
            return
        if not report.passed:
            self._tell(self._wake(), report)
        elif report.nodeid and "::" not in report.nodeid:
            self._collected.append(report)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None]:
        """Wake where a test is marked with a stage, also by another plugin or a conftest."""
        if self.over:
            return (yield)
        if _any_criterion(items):
            collector = self._wake().collector
            return (yield from collector.pytest_collection_modifyitems(self.config, items))
        yield
        if not self.over and _any_criterion(items):
            collector = self._wake().collector
            collector.mark(items)
            collector.settle(self.config, items)
        return None

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: object, ids: object) -> None:
        """Wake where a worker found criteria: it left a manifest."""
        spool = spool_of(self.config)
        if not self.over and spool.read_manifest(worker_id(node)) is not None:
            judging = self._wake().judging
            if judging is not None:
                judging.recorder.pytest_xdist_node_collection_finished(node, ids)
                if judging.junit is not None:
                    judging.junit.begin()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object, error: object) -> None:
        """Wake where a worker died: another one may find criteria yet."""
        if error and not self.over:
            judging = self._wake().judging
            if judging is not None:
                judging.recorder.pytest_testnodedown(node, error)


def _any_criterion(items: Iterable[pytest.Item]) -> bool:
    """Return whether any item, or anything it is collected from, carries the stage mark."""
    seen: set[int] = set()
    for item in items:
        node: pytest.Item | pytest.Collector | None = item
        while node is not None and id(node) not in seen:
            seen.add(id(node))
            if any(mark.name == STAGE_MARK for mark in node.own_markers):
                return True
            node = node.parent
    return False
