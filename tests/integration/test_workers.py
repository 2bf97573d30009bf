"""What is special about workers, and about having none."""

from __future__ import annotations

from tests.integration.project import SHOP, XDIST, Project

API = "@api\ndef test_a(): pass\n"


def test_without_xdist_all_is_the_same(project: Project) -> None:
    """It is no dependency: with xdist blocked its hooks are unknown, and nothing is missed."""
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    ran = project.run("-p", "no:xdist", "-p", "no:xdist.looponfail", "--strict-config")
    assert (ran.status, ran.final) == (0, "CONFIRMED")


def test_groups_do_not_change_a_criterion(project: Project) -> None:
    """With `--dist loadgroup` some versions add the group to node ids; criteria keep theirs."""
    test = """
    @api
    @pytest.mark.xdist_group("one")
    def test_a(evidence): evidence(n=1)
    @pytest.mark.stage("api", side_effects=True)
    @pytest.mark.xdist_group("one")
    def test_b(evidence): evidence(n=1)
    """
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    ran = project.run(*XDIST, "--dist=loadgroup")
    assert ran.verdicts == {"api.a": "CONFIRMED", "api.b": "CONFIRMED", "shop.open": "CONFIRMED"}
    assert (ran.status, ran.told["run"]["complete"]) == (0, True)
    part = project.run("test_api.py")
    assert part.final == "CONFIRMED"


def test_workers_that_collect_differently_close_the_gate(project: Project) -> None:
    """Nothing runs then; no criterion of either collection is CONFIRMED."""
    test = """
    @api
    def test_a(): pass
    if os.environ.get("PYTEST_XDIST_WORKER") == "gw1":
        @api
        def test_b(): pass
    """
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    ran = project.run(*XDIST)
    assert ran.final == "BLOCKED"
    assert ran.status != 0
    assert "CONFIRMED" not in ran.verdicts.values()


def test_more_workers_than_tests(project: Project) -> None:
    """Workers that get nothing to do say nothing against the run."""
    project.write({"test_shop.py": SHOP, "test_api.py": API})
    ran = project.run("-n", "4")
    assert (ran.status, ran.final) == (0, "CONFIRMED")


def test_no_workers_at_all(project: Project) -> None:
    """`-n 0` is a serial run."""
    project.write({"test_shop.py": SHOP, "test_api.py": API})
    ran = project.run("-n", "0")
    assert (ran.status, ran.final) == (0, "CONFIRMED")


def test_records_of_all_modes_agree(project: Project) -> None:
    """Serial, `-n 2` and `-n 2 --dist each` give the same record but for times and workers."""
    test = """
    @api
    @pytest.mark.parametrize("n", range(3))
    def test_held(n, evidence): evidence(n=n)
    @api
    def test_failed(): assert 0, "no"
    @shop
    def test_blocked(): blocked("none yet", kind="no-data", remedy="sell")
    @api
    @pytest.mark.xfail(reason="known")
    def test_known(): assert 0
    @pytest.mark.stage("shop", side_effects=True)
    def test_buy(evidence): evidence(order="A")
    """
    project.write({"test_api.py": test, "test_shop.py": SHOP})
    told = []
    for mode in ((), XDIST, (*XDIST, "--dist=each"), (*XDIST, "--dist=loadfile")):
        ran = project.run(*mode)
        told.append(
            {
                "final": ran.told["final"],
                "decision": ran.told["decision"],
                "criteria": {
                    name: {
                        key: criterion[key]
                        for key in ("verdict", "observed", "reason", "kind", "remedy", "nodeid")
                    }
                    for name, criterion in ran.criteria.items()
                },
                "causes": {name: stage["cause"] for name, stage in ran.stages.items()},
            }
        )
    assert all(one == told[0] for one in told)
