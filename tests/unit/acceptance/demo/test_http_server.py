"""The plumbing that both simulators share."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
import requests

from tests.acceptance.demo.http_server import Answer, Faults, LoopbackServer, Request


def serving(faults: Faults, seen: list[Request] | None = None) -> LoopbackServer:
    """Return a server that notes its requests and answers with their path."""

    def handle(request: Request) -> Answer:
        if seen is not None:
            seen.append(request)
        return Answer(body={"path": request.path})

    return LoopbackServer(
        handle=handle,
        rate_limited=lambda seconds: Answer(status=429, body={"wait": seconds}),
        broken=lambda status: Answer(status=status),
        faults=faults,
    )


def test_a_request_is_handed_over_as_it_came() -> None:
    """Verb, path, query, form and headers, each decoded once."""
    seen: list[Request] = []
    server = serving(Faults(), seen)
    url = server.start()
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(f"{url}/a%2Fb?x=1", data={"k": "ü&="}, timeout=5)
    finally:
        server.stop()
    assert answer.json() == {"path": "/a%2Fb"}
    assert (seen[0].verb, seen[0].query, seen[0].form) == ("POST", {"x": "1"}, {"k": "ü&="})
    assert seen[0].headers["content-type"] == "application/x-www-form-urlencoded"


def test_counted_faults_run_out() -> None:
    """Each is due as often as it says, and never below zero."""
    faults = Faults(fail_next=2)
    assert [faults.take("fail_next") for _ in range(4)] == [True, True, False, False]
    assert faults.fail_next == 0


def test_servers_take_ports_of_their_own_and_stop_for_good() -> None:
    """Two run side by side; stopping is quick, may be repeated, and frees a slow answer."""
    slow, other = serving(Faults(slow_s=30)), serving(Faults())
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
    seen: list[Request] = []
    server = serving(Faults(), seen)
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
    assert len(seen) == 40
