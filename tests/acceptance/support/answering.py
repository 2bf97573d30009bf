"""What a provider's error means for a criterion: whose fault it is decides the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pytest_prodstatus import blocked
from tests.acceptance.support.cipher import UnreadableCredential
from tests.acceptance.support.errors import (
    ApiError,
    CredentialRejected,
    Misconfigured,
    OurFault,
    TimedOut,
)


@contextmanager
def answers() -> Iterator[None]:
    """Ask a provider whose access is judged elsewhere.

    A provider or network at fault is BLOCKED, and so is an access that isn't accepted: it says
    nothing about what was to be asked. Any other fault of ours is FAILED.
    """
    try:
        with judged_answers():
            yield
    except AssertionError as failed:
        if isinstance(failed.__cause__, (CredentialRejected, Misconfigured)):
            blocked(
                f"{failed.__cause__.provider} could not be asked: {failed}",
                kind="missing-config",
                remedy="see the criteria that judge this access",
            )
        raise


@contextmanager
def judged_answers() -> Iterator[None]:
    """Ask a provider where the access itself is judged: one that isn't accepted is FAILED."""
    try:
        yield
    except OurFault as error:
        raise AssertionError(str(error)) from error
    except ApiError as error:
        kind = "timeout" if isinstance(error, TimedOut) else "provider-unavailable"
        blocked(str(error), kind=kind, remedy=f"run again when {error.provider} answers")


@contextmanager
def readable() -> Iterator[None]:
    """Open a stored credential where it is judged: one that can't be read is FAILED."""
    try:
        yield
    except UnreadableCredential as error:
        raise AssertionError(str(error)) from error
