"""`prodstatus serve`: each answer is judged anew, and only an open gate reads as one."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pytest_prodstatus.model.record import Override
from pytest_prodstatus.model.violations import GateQuery
from tests.unit.cli.conftest import CONFIG, Kept, Shop
from tests.unit.given import HOUR, NOW, B, F

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from pytest_prodstatus.serve.app import REASONS_LIMIT, Turns
from tests.unit.cli.serving import TOKEN, AppClient, Clock, client_of


@pytest.fixture
def clock() -> Clock:
    """A clock at the end of the record's run."""
    return Clock()


@pytest.fixture
def client(shop: Shop, clock: Clock) -> AppClient:
    """A client of the shop's server."""
    return client_of(clock)


def test_an_open_gate_says_until_when(shop: Shop, client: AppClient) -> None:
    """`/gate` is 200 only if the gate is open, and `/verdict` has until when it is."""
    shop.record()
    assert client.get("/gate").status_code == 200
    verdict = client.get("/verdict").json()
    assert (verdict["open"], verdict["verdict"]) == (True, "CONFIRMED")
    assert verdict["until"] == "2026-11-23T12:00:00.000Z"
    assert verdict["at"] == "2026-11-22T12:00:00.000Z"


def _worse(shop: Shop) -> None:
    shop.record({"api.key": F})


def _blocked(shop: Shop) -> None:
    shop.record({"api.key": B})


def _missing(shop: Shop) -> None:
    shop.record()
    (shop.reports / "status.json").unlink()


def _truncated(shop: Shop) -> None:
    shop.record()
    path = shop.reports / "status.json"
    path.write_bytes(path.read_bytes()[:300])


def _newer(shop: Shop) -> None:
    shop.record()
    shop.edit('"schema": 2', '"schema": 99')


def _in_progress(shop: Shop) -> None:
    shop.record(finished=None)


def _pipe(shop: Shop) -> None:
    shop.record()
    (shop.reports / "status.json").unlink()
    os.mkfifo(shop.reports / "status.json")


def _configuration(shop: Shop) -> None:
    shop.record()
    shop.configure("[tool.prodstatus]\nunknown = 1\n")


def _emptied(shop: Shop) -> None:
    shop.record()
    shop.configure("")


def _unwritten(shop: Shop) -> None:
    shop.record()
    (shop.root / "pyproject.toml").unlink()


def _key(shop: Shop) -> None:
    shop.record()
    shop.configure(CONFIG.replace("document", 'signed_by = ["ci.pub"]\ndocument'))


def _unsigned(shop: Shop) -> None:
    pytest.importorskip("securesystemslib")
    shop("key", "new", "ci")
    _key(shop)


BROKEN = (
    _worse, _blocked, _missing, _truncated, _newer, _in_progress, _pipe, _configuration,
    _emptied, _unwritten, _key, _unsigned,
)  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=lambda function: function.__name__[1:])
def test_everything_else_is_closed(
    shop: Shop, client: AppClient, broken: Callable[[Shop], None]
) -> None:
    """Anything wrong with a record is 503 with a reason, never CONFIRMED and never 500."""
    broken(shop)
    gate = client.get("/gate")
    assert gate.status_code == 503
    assert gate.text.startswith("gate closed (target production")
    assert len(gate.content) <= REASONS_LIMIT
    verdict = client.get("/verdict")
    assert verdict.status_code == 200
    expected = "FAILED" if broken is _worse else "BLOCKED"
    assert (verdict.json()["open"], verdict.json()["verdict"]) == (False, expected)
    assert verdict.json()["until"] is None
    assert verdict.json()["reasons"]
    badge = client.get("/badge/production.json").json()
    assert badge["message"].startswith(expected)
    assert badge["isError"] is True
    for path in ("/", "/page/production"):
        page = client.get(path)
        assert page.status_code == 200
        assert expected in page.text
    assert str(shop.root) not in verdict.text + gate.text + page.text


def test_a_configuration_that_is_gone_keeps_the_gate_closed(shop: Shop, clock: Clock) -> None:
    """If the table is removed, the gate closes, since its defaults want no signature."""
    signed = '[tool.prodstatus]\nsigned_by = ["ci.pub"]\n'
    shop.configure("[tool.prodstatus]\n")
    shop.record()
    shop.configure(signed)
    client = client_of(clock)
    assert "ci.pub" in client.get("/gate").text
    for broken in ("", "[project]\n"):
        shop.configure(broken)
        gate = client.get("/gate")
        assert (gate.status_code, "no [tool.prodstatus] any more" in gate.text) == (503, True)
    shop.configure(signed)
    assert "ci.pub" in client.get("/gate").text


def test_no_folder_of_this_machine_is_sent(
    shop: Shop, clock: Clock, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """An output folder outside the project isn't named either."""
    folder = tmp_path_factory.mktemp("elsewhere")
    gate = client_of(clock, folder=str(folder)).get("/gate")
    assert "there is no record at status.json" in gate.text
    assert str(folder) not in gate.text


@pytest.mark.parametrize("name", ["keys", "the keys"])
def test_no_folder_of_a_key_or_a_store_is_sent(
    shop: Shop, client: AppClient, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """What lies elsewhere on this machine is called by its file's name alone."""
    shop.record()
    folder = tmp_path_factory.mktemp(name)
    signed = f"[tool.prodstatus]\nsigned_by = ['{folder}/ci.pub']\n"
    shop.configure(CONFIG.replace("[tool.prodstatus]\n", signed))
    answer = client.get("/gate")
    assert answer.status_code == 503
    assert "ci.pub" in answer.text
    assert folder.parent.name not in answer.text


def test_it_closes_between_two_requests(shop: Shop, client: AppClient, clock: Clock) -> None:
    """A verdict that ended since the last request closes the gate, in every form."""
    shop.record()
    assert client.get("/gate").status_code == 200
    assert "The gate is open" in client.get("/page/production").text
    clock.now = NOW + timedelta(hours=25)
    assert client.get("/gate").status_code == 503
    assert client.get("/verdict").json()["verdict"] == "BLOCKED"
    page = client.get("/page/production").text
    assert "The gate is closed: do not deploy" in page
    assert "The gate is open" not in page
    assert "<title>BLOCKED" in page
    samples = {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(  # type: ignore[no-untyped-call]
            client.get("/metrics").text
        )
        for sample in family.samples
    }
    assert samples["prodstatus_gate_open", ("production",)] == 0
    assert samples["prodstatus_until_timestamp_seconds", ("production",)] == 0


def test_a_waiver_ends_between_two_requests(shop: Shop, client: AppClient, clock: Clock) -> None:
    """The waivers of today count, and each only until its end."""
    shop.record({"api.key": F})
    assert client.get("/gate").status_code == 503
    shop.waive("api.key", expires="2026-11-22")
    assert client.get("/gate").status_code == 200
    verdict = client.get("/verdict").json()
    assert (verdict["verdict"], verdict["decision"]) == ("FAILED", "open, 1 waived")
    assert verdict["until"] == "2026-11-23T00:00:00.000Z"
    assert "The gate is open, 1 waived" in client.get("/page/production").text
    clock.now = NOW + 13 * HOUR
    assert client.get("/gate").status_code == 503
    assert "The gate is open" not in client.get("/page/production").text


def test_an_override_counts_until_its_end(
    shop: Shop, kept: Kept, client: AppClient, clock: Clock
) -> None:
    """An override opens the gate and changes no verdict."""
    shop.record({"api.key": F})
    kept.add(
        Override(target="production", reason="the fix", who="Ann", since=NOW, until=NOW + HOUR)
    )
    verdict = client.get("/verdict").json()
    assert (verdict["open"], verdict["verdict"]) == (True, "FAILED")
    assert verdict["until"] == "2026-11-22T13:00:00.000Z"
    assert client.get("/gate").status_code == 200
    assert "open by an override" in client.get("/page/production").text
    clock.now = NOW + HOUR
    assert client.get("/gate").status_code == 503


def test_a_replaced_record_counts_at_once(shop: Shop, client: AppClient) -> None:
    """A record that changed between two requests is read again, also one of the same length."""
    shop.record()
    assert client.get("/gate").status_code == 200
    path = shop.reports / "status.json"
    before = path.stat()
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"verdict": "CONFIRMED"', b'"verdict": "CONFIRMEX"'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert client.get("/gate").status_code == 503
    path.write_bytes(content)
    assert client.get("/gate").status_code == 200


def test_targets(shop: Shop, client: AppClient) -> None:
    """Each target with a record is there, stays when its record is removed, and no other is."""
    shop.record()
    shop.record(folder=shop.reports / "staging", target="staging")
    (shop.reports / "assets").mkdir()
    assert client.get("/gate/staging").status_code == 200
    for name in ("assets", "nowhere", "%2e%2e", "..%2f..%2fetc", "staging%00", "a" * 300):
        assert client.get(f"/gate/{name}").status_code == 404, name
    index = client.get("/").text
    assert index.count("<a href=") == 2
    assert '<a href="/page/staging">' in index
    (shop.reports / "staging/status.json").unlink()
    assert client.get("/gate/staging").status_code == 503


def test_conditions_mean_what_the_options_mean(shop: Shop, client: AppClient) -> None:
    """A release, run, commit or stage narrows the question; what isn't known is refused."""
    shop.record()
    for query, status in {
        "subject=v1": 200, "subject=v2": 503, "run=run-1": 200, "run=other": 503,
        "commit=0123456": 200, "commit=fffffff": 503, "require=api": 200,
        "require=nowhere": 400, "require=,": 400,
        "subject=": 400, "subjekt=v1": 400, "run=a&run=b": 400,
    }.items():  # fmt: skip
        assert client.get(f"/gate?{query}").status_code == status, query
    assert client.get("/metrics?subject=v1").status_code == 400


PATHS = ("/", "/page/production", "/verdict", "/gate", "/metrics", "/badge/production.json")


def test_only_reading(shop: Shop, client: AppClient) -> None:
    """GET and HEAD alone, but that `/gate` also answers Flagger's POST; HEAD has no body."""
    shop.record()
    for path in (*PATHS, "/healthz"):
        head = client.request("HEAD", path)
        assert (head.status_code, head.content) == (200, b""), path
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            if (path, method) != ("/gate", "POST"):
                assert client.request(method, path).status_code == 405, (method, path)
    assert client.get("/gate/").status_code == 404  # no redirect to a host of the client's choice
    assert client.get("/reports/status.json").status_code == 404


def test_headers(shop: Shop, client: AppClient) -> None:
    """No answer is kept, framed, sniffed or runs anything that isn't the page's own."""
    shop.record()
    for path in (*PATHS, "/healthz", "/nowhere"):
        headers = client.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert client.get("/metrics").headers["Content-Type"].startswith("application/openmetrics-text")


def test_token(shop: Shop, clock: Clock) -> None:
    """With a token, only `/healthz` answers a request that has none."""
    shop.record()
    client = client_of(clock, TOKEN)
    for wrong in ({}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": b"Bearer \xe9"}):
        for path in (*PATHS, "/nowhere"):
            answer = client.get(path, headers=wrong)
            assert answer.status_code == 401
            assert "CONFIRMED" not in answer.text
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert all(client.get(path, headers=right).status_code == 200 for path in PATHS)
    assert client.get("/healthz").status_code == 200


def test_hostile_text(shop: Shop, client: AppClient) -> None:
    """Texts of a record stay text, and thousands of reasons are cut at a character."""
    shop.record({"api.key": F})
    path = shop.reports / "status.json"
    text = json.dumps("ä<script>" * 60, ensure_ascii=False)[1:-1]
    path.write_text(
        path.read_text(encoding="utf-8").replace("seen to be FAILED", text), encoding="utf-8"
    )
    gate = client.get("/gate")
    assert gate.status_code == 503
    assert len(gate.content) <= REASONS_LIMIT
    gate.content.decode("utf-8")
    for page in ("/", "/page/production"):
        shown = client.get(page).text
        assert "&lt;script&gt;" in shown
        assert "ä<script>" not in shown


def test_what_the_server_refuses(shop: Shop, tmp_path: Path) -> None:
    """A token that can be guessed or read by no one, and an address that isn't this machine's."""
    short = tmp_path / "token"
    short.write_text("secret\n", encoding="utf-8")
    assert "at least 16" in shop.refused("serve", "--token-file", short)
    assert "can't be read" in shop.refused("serve", "--token-file", tmp_path / "none")
    assert "can't be used" in shop.refused("serve", "--host", "192.0.2.1", "--port", "0")
    assert "secret" not in shop.refused("serve", "--token-file", short)


@pytest.mark.parametrize(
    ("host", "token", "warns"),
    [("127.0.0.1", "", False), ("0.0.0.0", "", True), ("0.0.0.0", TOKEN, False)],
)
def test_it_warns_if_others_reach_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, host: str, token: str, warns: bool
) -> None:
    """An address that others reach is worth a warning, unless a token is wanted."""
    pytest.importorskip("uvicorn")
    monkeypatch.setattr("pytest_prodstatus.serve.server.run", lambda *_: None)
    if token:
        monkeypatch.setenv("PRODSTATUS_SERVE_TOKEN", token)
    done = shop("serve", "--host", host, "--port", "0")
    assert done.exit_code == 0
    assert f"http://{host}:" in done.stderr
    assert ("can read the records" in done.stderr) is warns


def test_who_waits_shares_one_result() -> None:
    """Work is done once for all who came before it began, and again for who came later."""
    begun, go = threading.Event(), threading.Event()
    done: list[int] = []

    def work() -> int:
        begun.set()
        assert go.wait(10)
        done.append(1)
        return len(done)

    async def main() -> list[int]:
        turns = Turns()
        query = GateQuery(target="t")
        first = asyncio.ensure_future(turns.take(query, work))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        later = [asyncio.ensure_future(turns.take(query, work)) for _ in range(50)]
        await asyncio.sleep(0.01)
        go.set()
        return [await first, *(await asyncio.gather(*later))]

    assert asyncio.run(main()) == [1] + [2] * 50
