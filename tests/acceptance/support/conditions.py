"""The conditions of a real order that no setting can meet: the credential and the journal."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pytest_prodstatus import blocked
from tests.acceptance.support.credentials import (
    StoredCredential,
    UnreadableCredential,
    open_credential,
)
from tests.acceptance.support.secrets import Secret
from tests.acceptance.support.settings import Settings

if TYPE_CHECKING:
    from pytest_prodstatus.state.journal import Journal


def credential_conditions(
    stored: StoredCredential | None, settings: Settings, now: datetime
) -> tuple[str, ...]:
    """Return what keeps the store's credential from buying, in words; empty where nothing does.

    Args:
        stored: the row that the store would use in the target's environment.
        settings: the key and the environment.
        now: the instant of judging.
    """
    if stored is None:
        return (f"there is no AliExpress credential of the {settings.environment} environment",)
    try:
        credential = open_credential(stored, settings)
    except UnreadableCredential as error:
        return (str(error),)
    row = f"credential {credential.row_id}"
    conditions = []
    if credential.access_token is None or credential.app_key is None:
        conditions.append(f"{row} has no access token or no application key")
    if credential.app_secret is None:
        conditions.append(f"{row} has no application secret")
    if credential.expires_at is None:
        conditions.append(f"{row} does not say when its token expires")
    elif credential.expires_at <= now:
        conditions.append(f"the access token of {row} has expired")
    if credential.sandbox and settings.environment == "production":
        conditions.append(f"{row} is for the sandbox")
    return tuple(conditions)


def journal_conditions(url: Secret, *, target: str, in_ci: bool) -> tuple[str, ...]:
    """Return why the journal can't guard a real order; empty where it can.

    Args:
        url: where the journal is.
        target: the demo's orders aren't real, so its journal may be anywhere.
        in_ci: whether the disk goes away with this machine.
    """
    from pytest_prodstatus.state.location import is_local_file

    if in_ci and target != "demo" and is_local_file(url.reveal()):
        return ("PRODSTATUS_STATE_URL is a file of this CI machine, which goes away",)
    return ()


def open_journal(url: Secret) -> Journal:
    """Return the journal of real orders, or end as BLOCKED where it can't be used.

    Args:
        url: where it is.
    """
    from pytest_prodstatus.state.errors import JournalError
    from pytest_prodstatus.state.journal import Journal

    opened, why = None, ""
    try:
        opened = Journal.open(url.reveal())
    except JournalError as error:
        why = str(error)
    if opened is None:  # said outside the `except`, so that no traceback holds the address
        blocked(why, kind="missing-config", remedy="set PRODSTATUS_STATE_URL")
    return opened
