"""Every report of a test on its way through pytest: redacted first of all, and judged last."""

from __future__ import annotations

from collections.abc import Callable, Generator

import pytest

from pytest_prodstatus.masked import tells_nothing
from pytest_prodstatus.redaction import Redaction


class Reports:
    """Redacts every report, hands it on, and lets the words in with the first that needs them.

    One wrapper does all of it, since a report of each phase of each test comes here.

    Args:
        redaction: takes secrets out.
        take: takes a report in; an xdist worker leaves that to its controller.
        speak: lets a person read the verdicts' own words from now on.
    """

    def __init__(
        self,
        redaction: Redaction,
        take: Callable[[pytest.TestReport], object] | None = None,
        speak: Callable[[], object] | None = None,
    ) -> None:
        self._redaction = redaction
        self._take = take
        self._speak = speak

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None]:
        """See a report first and last: also of a subtest, a rerun or a crash."""
        if self._redaction.on and not tells_nothing(report):
            self._redaction.mask(report)
            if self._speak is not None:
                self._speak()
        yield
        if self._take is not None:
            self._take(report)
