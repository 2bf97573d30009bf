"""A weather station: one program, the standard library only.

    python station.py --port 8765

    GET  /about             its name, its release and its clock
    GET  /readings          the newest reading of each sensor
    POST /warnings          {"text": "…"}: shows a warning on the board at the harbour
    GET  /warnings/NUMBER   the warning, and since when the board has shown it

`--fault` breaks it as real stations break: `stuck` (the program still answers, but there is no
reading since yesterday) or `dark` (it accepts warnings, but the board shows none).
"""

from __future__ import annotations

import argparse
import json
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

RELEASE = "2.3.1"
FAULTS = ("none", "stuck", "dark")


def now() -> datetime:
    """Return the time on the station's clock."""
    return datetime.now(timezone.utc)


class Station(ThreadingHTTPServer):
    """The station's state, and the HTTP server of its port."""

    def __init__(self, port: int, fault: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.fault = fault
        self.numbers = count(1)
        self.warnings: dict[int, dict[str, str | int | None]] = {}

    def about(self) -> dict[str, object]:
        """Return the name, the release and the clock."""
        return {"station": "harbour", "release": RELEASE, "clock": now().isoformat()}

    def readings(self) -> list[dict[str, object]]:
        """Return the newest reading of each sensor; one is taken every minute."""
        taken = now().replace(second=0, microsecond=0)
        if self.fault == "stuck":
            taken -= timedelta(hours=19, minutes=42)
        measured = {
            "temperature": (84, "0.1 °C"),
            "wind": (131, "0.1 m/s"),
            "air": (10132, "10 Pa"),
        }
        return [
            {"sensor": name, "value": value, "unit": unit, "taken": taken.isoformat()}
            for name, (value, unit) in measured.items()
        ]

    def warn(self, text: str) -> dict[str, object]:
        """Accept a warning and put it on the board."""
        number = next(self.numbers)
        shown = None if self.fault == "dark" else now().isoformat()
        self.warnings[number] = {"number": number, "text": text, "shown": shown}
        return {"number": number}


class Handler(BaseHTTPRequestHandler):
    """One request to the station."""

    server: Station
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send the station's description, its readings or a warning."""
        _, kind, *rest = self.path.split("/")
        if kind == "about":
            self.send_json(200, self.server.about())
        elif kind == "readings":
            self.send_json(200, self.server.readings())
        elif kind == "warnings" and rest and rest[0].isdecimal():
            warning = self.server.warnings.get(int(rest[0]))
            self.send_json(200 if warning else 404, warning)
        else:
            self.send_json(404, None)

    def do_POST(self) -> None:
        """Accept a warning."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/warnings":
            self.send_json(201, self.server.warn(json.loads(body)["text"]))
        else:
            self.send_json(404, None)

    def send_json(self, status: int, value: object) -> None:
        """Send a status and a value as JSON."""
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing, so that the terminal shows only the reports."""


def main() -> None:
    """Serve until interrupted; the first line of output is the address."""
    parser = argparse.ArgumentParser(description="A weather station on this machine.")
    parser.add_argument("--port", type=int, default=0, help="by default any that is free")
    parser.add_argument("--fault", choices=FAULTS, default="none", help="how it is broken")
    options = parser.parse_args()
    with Station(options.port, options.fault) as station:
        print(f"http://127.0.0.1:{station.server_port}", flush=True)
        try:
            station.serve_forever()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
