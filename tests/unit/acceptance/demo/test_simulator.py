"""What both simulators share: HTTP, and faults that come due."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
import requests

from tests.acceptance.demo.simulator import Answer, Faults, Request, Simulator, SimulatorState


class Echo(Simulator[SimulatorState]):
    """Answers every request with its path.

    Attributes:
        seen: the requests that it acted on.
    """

    def __init__(self, faults: Faults) -> None:
        super().__init__(SimulatorState(faults=faults))
        self.seen: list[Request] = []

    def _handle(self, request: Request) -> Answer:
        self.seen.append(request)
        return Answer(body={"path": request.path})

    def _rate_limited(self, seconds: float) -> Answer:
        return Answer(status=429, body={"wait": seconds})

    def _broken(self, status: int) -> Answer:
        return Answer(status=status)


def test_a_request_is_handed_over_as_it_came() -> None:
    """Verb, path, query, form and headers, each decoded once."""
    server = Echo(Faults())
    url = server.start()
    try:
        with requests.Session() as session:
            session.trust_env = False
            response = session.post(f"{url}/a%2Fb?x=1", data={"k": "ü&="}, timeout=5)
    finally:
        server.stop()
    assert response.json() == {"path": "/a%2Fb"}
    got = server.seen[0]
    assert (got.verb, got.query, got.form) == ("POST", {"x": "1"}, {"k": "ü&="})
    assert got.headers["content-type"] == "application/x-www-form-urlencoded"


def test_counted_faults_run_out() -> None:
    """Each fault is due as often as its count, which never falls below zero."""
    faults = Faults(fail_next=2)
    assert [faults.take("fail_next") for _ in range(4)] == [True, True, False, False]
    assert faults.fail_next == 0


def test_servers_take_ports_of_their_own_and_stop_for_good() -> None:
    """Two run side by side; stopping is quick, may be repeated, and frees a slow answer."""
    slow, other = Echo(Faults(slow_s=30)), Echo(Faults())
    url, second = slow.start(), other.start()
    assert url != second
    ended: Counter[str] = Counter()

    def ask() -> None:
        with requests.Session() as session:
            session.trust_env = False
            try:
                session.get(url, timeout=20)
            except requests.RequestException:
                ended["cut"] += 1
            else:
                ended["answered"] += 1

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.05)
    began = time.monotonic()
    slow.stop()
    slow.stop()
    other.stop()
    thread.join(5)
    assert time.monotonic() - began < 5
    assert sum(ended.values()) == 1
    with requests.Session() as session:
        session.trust_env = False
        with pytest.raises(requests.ConnectionError):
            session.get(second, timeout=1)


def test_many_may_ask_at_once() -> None:
    """Requests of several threads are acted on one by one, and none is lost."""
    server = Echo(Faults())
    url = server.start()

    def ask() -> None:
        with requests.Session() as session:
            session.trust_env = False
            for _ in range(5):
                assert session.get(url, timeout=10).status_code == 200

    threads = [threading.Thread(target=ask) for _ in range(8)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        server.stop()
    assert len(server.seen) == 40
