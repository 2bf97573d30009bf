"""anyio: async criteria are criteria, also if their tasks fail."""

from __future__ import annotations

import pytest

from tests.integration.neighbours.conftest import Beside

pytest.importorskip("anyio")

TESTS = """
import anyio

pytestmark = pytest.mark.anyio

@pytest.fixture
def anyio_backend(): return "asyncio"

@pytest.fixture
async def answer():
    await anyio.sleep(0)
    yield 200

async def probe():
    await anyio.sleep(0)
    assert 0, "no answer"

async def broken(): nothing.of_this_name

@api
async def test_holds(answer, evidence): evidence(status=answer)

@api
async def test_fails(): await probe()

@api
async def test_fails_in_a_task():
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(probe)

@api
async def test_is_wrong_in_a_task():
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(broken)

@shop
async def test_is_blocked(): blocked("none yet", kind="no-data")
"""


def test_async_criteria(beside: Beside) -> None:
    """An assertion that fails in a task is an observation, and any other exception an error."""
    beside.write({"test_api.py": TESTS})
    ran = beside.run()
    assert ran.verdicts == {
        "api.holds": "CONFIRMED",
        "api.fails": "FAILED observed",
        "api.fails-in-a-task": "FAILED observed",
        "api.is-wrong-in-a-task": "FAILED error",
        "shop.is-blocked": "BLOCKED no-data",
    }
    assert ran.values("api.holds") == {"status": {"type": "int", "value": 200}}
    assert ran.status == 1
