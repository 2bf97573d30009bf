"""Every report of a test on its way through pytest: redacted first of all, and taken in last."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Protocol

import pytest

from pytest_prodstatus.redact_report import tells_nothing
from pytest_prodstatus.redaction import Redaction


class Taker(Protocol):
    """Whoever judges by the reports.

    Attributes:
        aside: reports that a phase passed and that told nothing else, of any test.
    """

    aside: list[pytest.TestReport]

    def read(self) -> None:
        """Read what was put aside, so that it can be forgotten."""

    def take(self, report: pytest.TestReport) -> None:
        """Take in any other report."""


_MANY = 1_000
"""Reports that are read together: one by one costs more, and so does to keep them all."""


class Reports:
    """Redacts every report and hands it on.

    One wrapper does all of it, since a report of each phase of each test comes here.

    Args:
        redaction: takes secrets out.
        end_forked_process: ends a process that a test forked and that came back from it.
        taker: takes the reports in; None in an xdist worker, which leaves that to its controller.
        speak: lets a person read the verdicts' own words from now on: more than a pass is told.
    """

    def __init__(
        self,
        redaction: Redaction,
        end_forked_process: Callable[[], object],
        taker: Taker | None = None,
        speak: Callable[[], object] | None = None,
    ) -> None:
        self._redaction = redaction
        self._end_forked_process = end_forked_process
        self._taker = taker
        self._speak = speak

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None]:
        """See a report first and last: also of a subtest, a rerun or a crash."""
        self._end_forked_process()
        told, taker = report.__dict__, self._taker
        plain = tells_nothing(told)
        if not plain and self._redaction.on:
            self._redaction.mask(report)
            if self._speak is not None:
                self._speak()
        yield
        if taker is None:
            return
        if plain and told["outcome"] == "passed":
            taker.aside.append(report)
            if len(taker.aside) >= _MANY:
                taker.read()
        else:
            taker.take(report)
