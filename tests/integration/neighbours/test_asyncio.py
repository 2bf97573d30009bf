"""pytest-asyncio: async criteria are criteria."""

from __future__ import annotations

import pytest

from tests.integration.neighbours.conftest import Beside

pytest.importorskip("pytest_asyncio")

HEAD = """
import asyncio
import pytest_asyncio

@pytest_asyncio.fixture
async def answer():
    await asyncio.sleep(0)
    yield 200

@pytest_asyncio.fixture
async def broken():
    raise OSError("no route")
"""
SHARED = """
import pytest_asyncio

@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def store():
    yield 1
    assert 0, "the store went down"

@pytest.mark.asyncio(loop_scope="session")
@api
async def test_a(store): assert store == 1

@api
def test_b(): pass
"""
TESTS = """
{mark}
@api
async def test_a(answer, evidence):
    \"\"\"It answers.\"\"\"
    await asyncio.sleep(0)
    evidence(status=answer)

{mark}
@api
@pytest.mark.parametrize("region", ["eu", "us"])
async def test_b(region):
    assert region == "eu", f"no answer from {{region}}"

{mark}
@shop
async def test_c():
    await asyncio.sleep(0)
    blocked("none yet", kind="no-data")

{mark}
@shop
async def test_d(broken): pass
"""


@pytest.mark.parametrize("asyncio_mode", ["strict", "auto"])
def test_async_criteria(beside: Beside, asyncio_mode: str) -> None:
    """Async tests and fixtures pass, fail and block as others do, marked or in auto mode."""
    mark = "@pytest.mark.asyncio" if asyncio_mode == "strict" else ""
    tests = HEAD + TESTS.format(mark=mark)
    beside.write({"test_api.py": tests}, ini=f'asyncio_mode = "{asyncio_mode}"\n')
    ran = beside.run()
    assert ran.verdicts == {
        "api.a": "CONFIRMED",
        "api.b[eu]": "CONFIRMED",
        "api.b[us]": "FAILED observed",
        "shop.c": "BLOCKED no-data",
        "shop.d": "BLOCKED setup-error",
    }
    assert ran.values("api.a") == {"status": {"type": "int", "value": 200}}
    assert ran.criteria["api.a"]["title"] == "It answers"
    assert ran.criteria["api.b[us]"]["reason"] == "no answer from us"
    assert ran.status == 1


def test_a_shared_tear_down_fails(beside: Beside) -> None:
    """The tear-down of an async session fixture is laid on its users, and on no other test."""
    beside.write({"test_api.py": SHARED, "test_shop.py": "@shop\ndef test_c(): pass\n"})
    assert beside.run().verdicts == {
        "api.a": "FAILED observed",
        "api.b": "CONFIRMED",
        "shop.c": "CONFIRMED",
    }
