"""The supplier credential as the store keeps it."""

from __future__ import annotations

from tests.acceptance.support.clock import from_column
from tests.acceptance.support.credentials import API_NAME, StoredCredential, StoredCredentials
from tests.acceptance.support.database.transaction import Ask
from tests.acceptance.support.secrets import Secret

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
