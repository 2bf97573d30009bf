"""Every report of a test on its way through pytest: redacted first of all, and taken in last."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from pytest_prodstatus.masked import tells_nothing
from pytest_prodstatus.redaction import Redaction

if TYPE_CHECKING:
    from pytest_prodstatus.judging import Judging


class Reports:
    """Redacts every report and hands it on.

    One wrapper does all of it, since a report of each phase of each test comes here.

    Args:
        redaction: takes secrets out.
        judging: takes the reports in, and lets the words in with the first that needs them; None in
            an xdist worker, which leaves both to its controller.
    """

    def __init__(self, redaction: Redaction, judging: Judging | None = None) -> None:
        self._redaction = redaction
        self._judging = judging
        self._keywords: dict[int, Mapping[str, object]] = {}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None]:
        """See a report first and last: also of a subtest, a rerun or a crash."""
        told, judging = report.__dict__, self._judging
        plain = tells_nothing(told)
        if not plain and self._redaction.on:
            self._redaction.mask(report)
            if judging is not None:
                judging.words.speak()
        yield
        if judging is None:
            return
        if plain and told["outcome"] == "passed":
            judging.recorder.aside.append(report)
            self._share(told)
        else:
            judging.recorder.take(report)

    def _share(self, told: dict[str, Any]) -> None:
        """Let the phases of a test have one dict of names and marks, of which each had its own.

        Pytest keeps every report to the end, and the mark `production` makes each dict larger.
        """
        worker, keywords = id(told.get("node")), told["keywords"]
        last = self._keywords.get(worker)
        if keywords == last:
            told["keywords"] = last
        else:
            self._keywords[worker] = keywords
