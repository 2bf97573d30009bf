"""What deploys by `prodstatus serve`, as its own source decides, with the manifests in docs/.

Each stand-in follows one function of a controller: Argo Rollouts' web metric (webmetric.go,
evaluate.go), Flagger's webhook (webhook.go) and Kargo's http step (http_requester.go), as of
August 2026. None goes on unless the gate is open.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pytest_prodstatus.model.record import Override
from tests.unit.cli.conftest import Kept, Shop
from tests.unit.given import HOUR, NOW, B, C, F

pytest.importorskip("starlette")
pytest.importorskip("httpx")
pytest.importorskip("yaml")

import yaml

from tests.unit.cli.serving import TOKEN, AppClient, Clock, client_of

DOCS = Path(__file__).parents[3] / "docs/kubernetes"
HOST = "http://prodstatus.shop.svc"


def manifest(name: str) -> Any:
    """Return the one manifest in a file."""
    return yaml.safe_load((DOCS / name).read_text(encoding="utf-8"))


class Thing:
    """An object of an answer; as in expr-lang, a key that it lacks is nil."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return self._data.get(name)


def evaluated(expression: str, **env: Any) -> bool:
    """Evaluate an expression of expr-lang that is made of comparisons and `!`, `&&`, `||`."""
    text = expression.replace("&&", " and ").replace("||", " or ")
    text = re.sub(r"!(?!=)", " not ", text)
    found = eval(text.strip(), {"__builtins__": {}}, env)
    assert isinstance(found, bool), expression
    return found


def things(text: str) -> Any:
    """Parse JSON for an expression."""
    return json.loads(text, object_hook=Thing)


def argo(client: AppClient, release: str = "v1", token: str = TOKEN) -> str:
    """Return the phase that Argo Rollouts gives the web metric."""
    (metric,) = manifest("argo-rollouts.yaml")["spec"]["metrics"]
    web = metric["provider"]["web"]

    def filled(text: str) -> str:
        return text.replace("{{args.release}}", release).replace("{{args.token}}", token)

    assert web["jsonPath"] == "{$}"
    headers = {header["key"]: filled(header["value"]) for header in web["headers"]}
    answer = client.get(filled(web["url"]).removeprefix(HOST), headers=headers)
    if not 200 <= answer.status_code < 300:
        return "Error"
    result = things(answer.text)
    success = evaluated(metric["successCondition"], result=result)
    failure = evaluated(metric["failureCondition"], result=result)
    if failure:
        return "Failed"
    return "Successful" if success else "Inconclusive"


def flagger(client: AppClient) -> str:
    """Return the error of Flagger's webhooks; "" if they let the rollout go on."""
    errors = set()
    for hook in manifest("flagger.yaml")["spec"]["analysis"]["webhooks"]:
        payload = {"name": "shop", "namespace": "shop", "phase": "Waiting", "checksum": "1"}
        answer = client.request("POST", hook["url"].removeprefix(HOST), json=payload)
        errors.add(answer.text if answer.status_code > 202 else "")
    (error,) = errors
    return error


def kargo(client: AppClient, release: str = "v1", token: str = TOKEN) -> str:
    """Return the status of Kargo's http step."""
    (step,) = manifest("kargo.yaml")["spec"]["steps"]
    config = step["config"]
    values = {"vars.release": release, "secret('prodstatus-token').token": token}

    def filled(text: str) -> str:
        return re.sub(r"\$\{\{ (.+?) \}\}", lambda found: values[found[1]], text)

    headers = {header["name"]: filled(header["value"]) for header in config["headers"]}
    answer = client.request(
        config["method"], filled(config["url"]).removeprefix(HOST), headers=headers
    )
    is_json = answer.headers["Content-Type"].partition(";")[0] == "application/json"
    body = things(answer.text) if is_json else Thing({})
    response = Thing({"status": answer.status_code, "body": body})
    if evaluated(config["failureExpression"], response=response):
        return "Failed"
    return "Succeeded" if evaluated(config["successExpression"], response=response) else "Running"


VERDICTS = {
    C: ("Successful", "Succeeded"),
    F: ("Failed", "Failed"),
    B: ("Inconclusive", "Running"),
}


@pytest.mark.parametrize("verdict", VERDICTS, ids=str)
def test_three_states(shop: Shop, verdict: Any) -> None:
    """CONFIRMED goes on, FAILED fails, and BLOCKED waits for a person; Flagger knows two states."""
    shop.record({"api.key": verdict})
    guarded = client_of(Clock(), TOKEN)
    assert (argo(guarded), kargo(guarded)) == VERDICTS[verdict]
    error = flagger(client_of(Clock()))
    assert (error == "") is (verdict is C)
    assert verdict is C or str(verdict) in error


def test_a_verdict_that_ended(shop: Shop) -> None:
    """A CONFIRMED of yesterday is no success anywhere."""
    shop.record()
    clock = Clock()
    clock.now = NOW + timedelta(hours=25)
    guarded = client_of(clock, TOKEN)
    assert (argo(guarded), kargo(guarded)) == ("Inconclusive", "Running")
    assert "max-age" in flagger(client_of(clock))


def test_another_release(shop: Shop) -> None:
    """A CONFIRMED of another release is no success of this one."""
    shop.record()
    guarded = client_of(Clock(), TOKEN)
    assert (argo(guarded, "v2"), kargo(guarded, "v2")) == ("Inconclusive", "Running")


def test_without_the_token(shop: Shop) -> None:
    """A wrong token is an error or no answer yet, and never success."""
    shop.record()
    guarded = client_of(Clock(), TOKEN)
    assert (argo(guarded, token="wrong"), kargo(guarded, token="wrong")) == ("Error", "Running")
    assert "token" in flagger(guarded)


def test_an_override(shop: Shop, kept: Kept) -> None:
    """A person's override lets all three go on, over FAILED as well."""
    shop.record({"api.key": F})
    kept.add(
        Override(target="production", reason="the fix", who="Ann", since=NOW, until=NOW + HOUR)
    )
    guarded = client_of(Clock(), TOKEN)
    assert (argo(guarded), kargo(guarded)) == ("Successful", "Succeeded")
    assert flagger(client_of(Clock())) == ""


CORE = ("cronjob.yaml", "server.yaml")


@pytest.mark.parametrize("name", CORE)
def test_manifests_are_what_the_api_takes(name: str) -> None:
    """Each object is valid by Kubernetes' own schema, without an unknown key."""
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    for data in yaml.safe_load_all((DOCS / name).read_text(encoding="utf-8")):
        for version in ("1.30", "1.35"):
            kubernetes_validate.validate(data, version, strict=True)


def test_a_verdict_is_not_tried_again() -> None:
    """The job fails at once by 1, 10 and 11, and is tried again by anything else."""
    job = manifest("cronjob.yaml")["spec"]["jobTemplate"]["spec"]
    assert job["template"]["spec"]["restartPolicy"] == "Never"  # else the policy isn't allowed
    (container,) = job["template"]["spec"]["containers"]
    rules = job["podFailurePolicy"]["rules"]
    assert all(rule["onExitCodes"]["containerName"] == container["name"] for rule in rules)
    for status in range(1, 256):
        for rule in rules:
            among = status in rule["onExitCodes"]["values"]
            if among is (rule["onExitCodes"]["operator"] == "In"):
                assert (rule["action"] == "FailJob") is (status in (1, 10, 11))
                break
        else:
            pytest.fail(f"no rule for {status}")


def test_nothing_runs_as_root_or_writes_its_image() -> None:
    """Every container is without root, capabilities, a token of the API and a writable root."""
    pods = [manifest("cronjob.yaml")["spec"]["jobTemplate"]["spec"]["template"]["spec"]]
    served = yaml.safe_load_all((DOCS / "server.yaml").read_text(encoding="utf-8"))
    pods += [data["spec"]["template"]["spec"] for data in served if data["kind"] == "Deployment"]
    assert len(pods) == 2
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
