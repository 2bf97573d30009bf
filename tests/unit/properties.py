"""Hypothesis profiles for the unit tests: few examples every day, many in a sweep.

PRODSTATUS_SWEEP=1 selects the sweep. Everyday examples are the same on every run, and no examples
are saved between runs.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

SWEEP = os.environ.get("PRODSTATUS_SWEEP") == "1"

_PATIENT = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("everyday", _PATIENT, max_examples=60, derandomize=True)
settings.register_profile("sweep", _PATIENT, max_examples=3_000)
settings.load_profile("sweep" if SWEEP else "everyday")
