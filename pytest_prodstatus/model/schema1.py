"""Records of schema 1, as releases up to 0.1 wrote them: converted to schema 2, never written."""

from __future__ import annotations

from typing import Any

from pytest_prodstatus.model.text import utf8
from pytest_prodstatus.model.walk import INTO, walked


def converted(data: dict[str, Any]) -> dict[str, Any]:
    """Return the raw data of a schema-1 record as that of a schema-2 record.

    Schema 1 left `previous` out if there was none, and `shard` if it was false. It kept lone
    surrogates, which UTF-8 can't write; here they become visible escapes. What else is wrong is
    left for the decoder to refuse.
    """
    previous, run = data.get("previous"), data.get("run")
    rest = {name: value for name, value in data.items() if name not in ("schema", "previous")}
    if isinstance(run, dict):
        rest["run"] = {"shard": False, **run}
    return {
        "schema": 2,
        **walked(rest, _printable),
        "previous": converted(previous) if isinstance(previous, dict) else previous,
    }


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return utf8(value)
    return INTO if isinstance(value, (dict, list)) else value
