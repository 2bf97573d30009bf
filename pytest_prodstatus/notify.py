"""Sends what is new about a target to the addresses in the environment. Needs the extra `notify`.

Nothing is sent twice: a fact is kept in the state store before it is sent, so what can't be
delivered is lost. A notification changes no verdict and never raises.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pytest_prodstatus.model.notice import WITHIN, Notice, facts, notice_of
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.project import store_in, variables_of
from pytest_prodstatus.writers.gate_report import Judged

INSTALL = "the notifications aren't installed: pip install 'pytest-prodstatus[notify,state]'"


def notify(
    judged: Judged, root: Path, environ: Mapping[str, str], within: timedelta = WITHIN
) -> tuple[Notice | None, list[str]]:
    """Send what is new about a target, and return it with what went wrong. Never raises.

    Args:
        judged: the target, as it is judged now.
        root: the project's folder.
        environ: the environment, which has the addresses.
        within: how long before its end a verdict or a waiver is notified.
    """
    names = judged.config.notify
    urls = {name: environ.get(name, "").strip() for name in names}
    problems = [f"{name} is not set: nothing is sent there" for name in names if not urls[name]]
    urls = {name: url for name, url in urls.items() if url}
    if urls and not find_spec("apprise"):
        return None, [INSTALL]
    services = {name: _service(url) for name, url in urls.items()}
    # Not the address: it is a secret.
    problems += [
        f"{name} is no address that Apprise can use: nothing is sent there"
        for name, service in services.items()
        if service is None
    ]
    services = {name: service for name, service in services.items() if service is not None}
    if not services:
        return None, problems  # what is new stays new until there is someone to tell
    decision = judged.report.decision
    known = facts(
        decision, judged.record, judged.config.waivers, judged.report.until, judged.at, within
    )
    values = {topic: fact.value for topic, fact in known.items()}
    try:
        news = _claimed(decision.query.target, values, root, environ)
    except Exception as error:  # noqa: BLE001  a verdict is worth more than its notification
        return None, [*problems, f"nothing is notified, since what was can't be kept: {error}"]
    notice = notice_of(decision, known, news)
    if notice is not None:
        for name, service in services.items():
            if not _is_sent(service, notice):
                problems.append(f"the notification to {name} was not delivered: {notice.title}")
    return notice, problems


def _claimed(
    target: str, values: Mapping[str, str], root: Path, environ: Mapping[str, str]
) -> dict[str, str | None]:
    from pytest_prodstatus.store import check_installed
    from pytest_prodstatus.store.notices import NoticeStore

    check_installed()
    with NoticeStore.open(*store_in(root, variables_of(root, environ))) as store:
        return store.claim(target, values)


def _service(url: str) -> Any:
    """Return the service at an address; None if Apprise can't use it."""
    with _silent():
        import apprise

        service = apprise.Apprise()
        try:
            return service if service.add(url) is True else None
        except Exception:  # noqa: BLE001  of any of its services
            return None


def _is_sent(service: Any, notice: Notice) -> bool:
    """Return whether a notification was delivered, as far as its service says so."""
    import apprise

    kinds = {
        Verdict.CONFIRMED: apprise.NotifyType.SUCCESS,
        Verdict.BLOCKED: apprise.NotifyType.WARNING,
        Verdict.FAILED: apprise.NotifyType.FAILURE,
    }
    with _silent():
        try:
            return bool(
                service.notify(
                    body=notice.body,
                    title=notice.title,
                    notify_type=kinds[notice.verdict],
                    body_format=apprise.NotifyFormat.TEXT,
                )
            )
        except Exception:  # noqa: BLE001  of any of its services
            return False


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Let apprise warn of nothing, and log nothing: its messages have parts of the address."""
    logger = logging.getLogger("apprise")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as errors they would keep a message from being sent
            yield
    finally:
        logger.disabled = before
