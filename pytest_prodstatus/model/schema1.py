"""Records of schema 1, as releases up to 0.1 wrote them: converted to schema 2, never written."""

from __future__ import annotations

from typing import Any

from pytest_prodstatus.model.text import utf8
from pytest_prodstatus.model.walk import INTO, walked


def converted(data: dict[str, Any]) -> dict[str, Any]:
    """Return the raw data of a schema-1 record as that of a schema-2 record.

    Schema 1 left `shard` out if it was false, and kept lone surrogates, which UTF-8 can't write;
    here they become visible escapes. What else is wrong is left for the decoder to refuse.
    """
    made = walked({**data, "schema": 2}, _printable)
    if isinstance(data.get("run"), dict):
        made["run"] = {"shard": False, **made["run"]}
    if isinstance(data.get("previous"), dict):
        made["previous"] = converted(data["previous"])
    return made  # type: ignore[no-any-return]


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return utf8(value)
    return INTO if isinstance(value, (dict, list)) else value
