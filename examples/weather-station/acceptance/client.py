"""The probe of the suite: it queries the station, returns values and judges nothing."""

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
    """The station's name, its release and the time on its clock."""

    station: str
    release: str
    clock: datetime


class Client:
    """A client of one station."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._opener = build_opener(
            ProxyHandler({})
        )  # without a proxy, so that the station itself answers

    def about(self) -> About:
        """Return the station's name, its release and the time on its clock."""
        about = self._request("/about")
        clock = datetime.fromisoformat(about["clock"])
        return About(station=about["station"], release=about["release"], clock=clock)

    def readings(self) -> dict[str, datetime]:
        """Return the instant of each sensor's newest reading."""
        readings = self._request("/readings")
        return {reading["sensor"]: datetime.fromisoformat(reading["taken"]) for reading in readings}

    def warn(self, text: str) -> int:
        """Send a warning, once, and return its number."""
        number: int = self._request("/warnings", {"text": text})["number"]
        return number

    def shown(self, number: int) -> datetime | None:
        """Return the instant since which the board shows a warning; None if it doesn't."""
        shown = self._request(f"/warnings/{number}")["shown"]
        return datetime.fromisoformat(shown) if shown else None

    def _request(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        try:
            with self._opener.open(Request(self._url + path, data), timeout=TIMEOUT_S) as answer:
                return json.load(answer)
        except HTTPError as error:
            # The station answered with an error. That is an observation, so the criterion FAILED.
            msg = f"{path} was answered with {error.code}"
            raise AssertionError(msg) from None
        except (URLError, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", error)
            blocked(
                f"the station doesn't answer ({reason})",
                kind="provider-unavailable",
                remedy="start the station, or correct STATION_URL",
            )
