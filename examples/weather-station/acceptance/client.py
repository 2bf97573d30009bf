"""What the criteria ask the station with: it returns what was said, and judges nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from pytest_prodstatus import blocked

TIMEOUT_S = 5


@dataclass(frozen=True)
class About:
    """What the station says of itself."""

    station: str
    release: str
    clock: datetime


class Client:
    """Questions to one station."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._opener = build_opener(ProxyHandler({}))  # the station itself, by no proxy

    def about(self) -> About:
        """Return what the station says of itself."""
        told = self._ask("/about")
        clock = datetime.fromisoformat(told["clock"])
        return About(station=told["station"], release=told["release"], clock=clock)

    def readings(self) -> dict[str, datetime]:
        """Return when each sensor reported last."""
        told = self._ask("/readings")
        return {each["sensor"]: datetime.fromisoformat(each["taken"]) for each in told}

    def warn(self, text: str) -> int:
        """Send a warning, once, and return its number."""
        number: int = self._ask("/warnings", {"text": text})["number"]
        return number

    def shown(self, number: int) -> datetime | None:
        """Return since when the board has shown a warning; None where it doesn't."""
        shown = self._ask(f"/warnings/{number}")["shown"]
        return datetime.fromisoformat(shown) if shown else None

    def _ask(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        try:
            with self._opener.open(Request(self._url + path, data), timeout=TIMEOUT_S) as answer:
                return json.load(answer)
        except HTTPError as error:
            # An answer, and the wrong one: that is seen, so the criterion FAILED.
            msg = f"{path} was answered with {error.code}"
            raise AssertionError(msg) from None
        except (URLError, TimeoutError, ConnectionError) as error:
            why = getattr(error, "reason", error)
            blocked(
                f"the station doesn't answer ({why})",
                kind="provider-unavailable",
                remedy="start the station, or correct STATION_URL",
            )
