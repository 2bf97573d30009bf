"""Hypothesis profiles: few examples every day, many in a sweep.

PRODSTATUS_SWEEP=1 selects the sweep. Everyday examples are the same on every run, and no examples
are saved between runs.
"""

from __future__ import annotations

import contextlib
import os

from hypothesis import HealthCheck, settings

SWEEP = os.environ.get("PRODSTATUS_SWEEP") == "1"


def draw_no_constants_of_ours() -> None:
    """Let Hypothesis draw none of the constants in the modules of ours that are imported.

    These differ with each edit, and with what ran before in the same process, so that `derandomize`
    alone gives other examples each time. Hypothesis has no setting for it. With a release that is
    laid out differently the examples differ again, and nothing else.
    """
    with contextlib.suppress(ImportError):
        from hypothesis.internal.conjecture.providers import (
            AVAILABLE_PROVIDERS,
            HypothesisProvider,
        )
        from hypothesis.internal.constants_ast import Constants

        class SameEverywhere(HypothesisProvider):
            _local_constants = Constants()

        AVAILABLE_PROVIDERS["hypothesis"] = SameEverywhere


_PATIENT = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("everyday", _PATIENT, max_examples=60, derandomize=True)
settings.register_profile("sweep", _PATIENT, max_examples=3_000)
if SWEEP:
    settings.load_profile("sweep")
else:
    settings.load_profile("everyday")
    draw_no_constants_of_ours()
