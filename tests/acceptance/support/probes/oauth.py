"""The supplier credential as the store keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from pytest_prodstatus import blocked
from tests.acceptance.support.columns import from_column
from tests.acceptance.support.database import Ask
from tests.acceptance.support.secrets import Secret

API_NAME = "aliexpress-dropshipping"

_CREDENTIALS = """
WITH candidates AS (
  SELECT c.id, c."userId", c.environment, c.credentials, c."isActive", c."updatedAt",
         c."userId" = :user_id AS own, CAST(c.scope AS text) = 'global' AS shared
  FROM api_credentials c
  WHERE c."apiName" = :api_name
), usable AS (
  SELECT * FROM candidates
  WHERE environment = :environment AND "isActive" AND (own OR shared)
), chosen AS (
  SELECT * FROM usable ORDER BY own DESC, "updatedAt" DESC, id DESC LIMIT 1
)
SELECT (SELECT count(*) FROM usable) AS usable,
       (SELECT count(*) FROM candidates WHERE (own OR shared) AND environment <> :environment)
         AS other_environment,
       (SELECT count(*) FROM candidates
        WHERE (own OR shared) AND environment = :environment AND "isActive" IS NOT TRUE)
         AS inactive,
       (SELECT id FROM chosen) AS row_id,
       (SELECT own FROM chosen) AS own,
       (SELECT "updatedAt" FROM chosen) AS updated_at,
       (SELECT credentials FROM chosen) AS credentials
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCredential:
    """The row that the store would use: the user's own, else a global one."""

    row_id: int
    own: bool
    updated_at: datetime | None
    credentials: Secret = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCredentials:
    """The rows there are for one user in the target's environment.

    Attributes:
        usable: active rows, own or global, of the environment.
        inactive: rows that would do, were they active.
        other_environment: rows of another environment, which don't count.
        chosen: the one that the store would use, None where there is none.
    """

    usable: int
    inactive: int
    other_environment: int
    chosen: StoredCredential | None = field(repr=False)

    def require(self) -> StoredCredential:
        """Return the row that the store would use, or end as BLOCKED where there is none."""
        if self.chosen is None:
            blocked(
                f"there is no active {API_NAME} credential to use",
                kind="no-data",
                remedy="see oauth.credentials-stored",
            )
        return self.chosen


def stored_credentials(ask: Ask, *, user_id: int) -> StoredCredentials:
    """Return which aliexpress-dropshipping credentials a user has, and the one that is used."""
    row = ask(_CREDENTIALS, user_id=user_id, api_name=API_NAME)
    chosen = None
    if row["row_id"] is not None:
        chosen = StoredCredential(
            row_id=row["row_id"],
            own=row["own"],
            updated_at=from_column(row["updated_at"]),
            credentials=Secret(row["credentials"] or ""),
        )
    return StoredCredentials(
        usable=row["usable"],
        inactive=row["inactive"],
        other_environment=row["other_environment"],
        chosen=chosen,
    )
