"""The supplier credential as the store keeps it."""

from __future__ import annotations

from collections.abc import Iterable

from tests.acceptance.support.clock import from_column
from tests.acceptance.support.credentials import API_NAME, StoredCredential, StoredCredentials
from tests.acceptance.support.database.transaction import Ask
from tests.acceptance.support.secrets import Secret

_CREDENTIALS = """
WITH candidates AS (
  SELECT c.id, c."userId" AS owner, c.environment, c.credentials, c."isActive", c."updatedAt",
         c."userId" = :user_id AND CAST(c.scope AS text) = 'user' AS own,
         CAST(c.scope AS text) = 'global' AS shared
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
       (SELECT owner FROM chosen) AS owner,
       (SELECT own FROM chosen) AS own,
       (SELECT "updatedAt" FROM chosen) AS updated_at,
       (SELECT credentials FROM chosen) AS credentials
"""

# The row that the store would use for each of some users: the user's own, else a global one.
_OF_USERS = """
SELECT ARRAY(
  SELECT jsonb_build_array(u.id, c.id, c."userId", c.own, c.credentials)
  FROM unnest(CAST(:users AS int[])) AS u (id) CROSS JOIN LATERAL (
    SELECT c.id, c."userId", c.credentials, CAST(c.scope AS text) = 'user' AS own
    FROM api_credentials c
    WHERE c."apiName" = :api_name AND c.environment = :environment AND c."isActive"
      AND (c."userId" = u.id AND CAST(c.scope AS text) = 'user' OR CAST(c.scope AS text) = 'global')
    ORDER BY own DESC, c."updatedAt" DESC, c.id DESC LIMIT 1
  ) AS c ORDER BY u.id) AS rows
"""


def of_users(
    ask: Ask, users: Iterable[int | None], *, api_name: str
) -> dict[int, StoredCredential]:
    """Return the row that the store would use for each user, without those that have none.

    Args:
        ask: runs the statement.
        users: ids; None is left out.
        api_name: the provider, as the store names it.
    """
    ids = sorted({user for user in users if user is not None})
    return {
        user: StoredCredential(
            row_id=row_id,
            owner=owner,
            own=own,
            updated_at=None,
            credentials=Secret(credentials or ""),
        )
        for user, row_id, owner, own, credentials in ask(_OF_USERS, users=ids, api_name=api_name)[
            "rows"
        ]
    }


def stored_credentials(ask: Ask, *, user_id: int) -> StoredCredentials:
    """Return which aliexpress-dropshipping credentials a user has, and the one that is used."""
    row = ask(_CREDENTIALS, user_id=user_id, api_name=API_NAME)
    chosen = None
    if row["row_id"] is not None:
        chosen = StoredCredential(
            row_id=row["row_id"],
            owner=row["owner"],
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
