"""A stand-in for GitHub's runner: it runs the steps of a composite action on this machine.

It does what the documentation says of composite actions: expressions of `inputs`, `steps` and
`github`; `if` with success() by default, always(), cancelled() and failure(); environment files; a
shell that ends at the first command that fails; `continue-on-error`. In place of the artifacts and
the cache there are folders. What it doesn't know is an error.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ACTIONS = Path(__file__).parents[3] / "actions"
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")
_NAME = re.compile(
    r"'[^']*'|\b(?:inputs|steps|github)\.[\w.-]+|[a-z]+\(\)|&&|\|\||!=|==|!|[()]|\s+"
)


@dataclass(frozen=True, kw_only=True)
class Done:
    """How an action ended.

    Attributes:
        outcome: "success" or "failure".
        status: the exit status of the step that failed first; 0 if none did.
        outputs: the action's.
        log: what its steps printed.
    """

    outcome: str
    status: int
    outputs: Mapping[str, str]
    log: str


@dataclass(kw_only=True)
class Runner:
    """One job of one run.

    Attributes:
        root: the workspace.
        store: where artifacts and the cache are, which all jobs share.
        environ: the job's environment.
        run: the run's id on GitHub.
        cancelled: whether a person cancels the job while a step whose script has "pytest" runs.
    """

    root: Path
    store: Path
    environ: Mapping[str, str]
    run: str = "812"
    cancelled: bool = False
    _context: dict[str, str] = field(default_factory=dict)
    _is_cancelled: bool = False
    _masks: list[str] = field(default_factory=list)

    def use(self, name: str, **inputs: str) -> Done:
        """Run an action of this repository; an input's `-` is written `_`."""
        action = yaml.safe_load((ACTIONS / name / "action.yml").read_text(encoding="utf-8"))
        given = {key.replace("_", "-"): value for key, value in inputs.items()}
        assert not set(given) - set(action["inputs"]), "an unknown input"
        sha = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=self.root, text=True, capture_output=True, check=True
        ).stdout.strip()
        self._context = {
            "github.sha": sha, "github.run_id": self.run, "github.run_attempt": "1",
        }  # fmt: skip
        for key, value in action["inputs"].items():
            self._context[f"inputs.{key}"] = given.get(key, self._filled(value["default"]))
        failed, log = 0, []
        for step in action["runs"]["steps"]:
            if not self._wanted(step.get("if", "success()"), failed):
                continue
            status, text = self._step(step)
            log.append(text)
            if status and not step.get("continue-on-error"):
                failed = failed or status
        outputs = {key: self._filled(out["value"]) for key, out in action["outputs"].items()}
        return Done(
            outcome="failure" if failed else "success",
            status=failed,
            outputs=outputs,
            log="\n".join(log),
        )

    def _step(self, step: Mapping[str, Any]) -> tuple[int, str]:
        values = {name: self._filled(str(value)) for name, value in step.get("env", {}).items()}
        if "run" in step:
            assert step["shell"] == "bash", "each step of a composite action names its shell"
            assert "${{" not in step["run"], "nothing from outside is pasted into a script"
            return self._script(step, values)
        name = re.fullmatch(r"actions/([\w/-]+)@[0-9a-f]{40}", step["uses"])
        assert name, step["uses"]
        given = {key: self._filled(str(value)) for key, value in step["with"].items()}
        return getattr(self, "_" + re.sub(r"\W", "_", name[1]))(given), ""

    def _script(self, step: Mapping[str, Any], values: Mapping[str, str]) -> tuple[int, str]:
        files = {name: self.store / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("", encoding="utf-8")
        script = self.store / "script.sh"
        script.write_text(step["run"], encoding="utf-8")
        github = {name: str(file) for name, file in files.items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.root / self._filled(step.get("working-directory", ".")),
            env={**self.environ, **github, "GITHUB_ACTIONS": "true", **values},
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=120,
        )  # fmt: skip
        if self.cancelled and "pytest" in step["run"]:
            self._is_cancelled = True
        for line in files["GITHUB_OUTPUT"].read_text(encoding="utf-8").splitlines():
            key, equals, value = line.partition("=")
            if equals and "<<" not in key:
                self._context[f"steps.{step.get('id')}.outputs.{key}"] = value
        return done.returncode, self._masked(done.stdout)

    def _masked(self, log: str) -> str:
        """Obey `::add-mask::`, for this and the following steps."""
        self._masks += [
            value.replace("%0D", "\r").replace("%25", "%")
            for value in re.findall(r"^::add-mask::(.+)$", log, re.M)
        ]
        log = re.sub(r"^::add-mask::.*\n", "", log, flags=re.M)
        for value in self._masks:
            log = log.replace(value, "***")
        return log

    def _filled(self, text: str) -> str:
        return _EXPRESSION.sub(lambda found: str(self._value(found[1])), text)

    def _wanted(self, condition: str, failed: int) -> bool:
        condition = condition.strip().removeprefix("${{").removesuffix("}}")
        if not re.search(r"(always|cancelled|failure|success)\(\)", condition):
            condition = f"success() && ({condition})"
        return bool(self._value(condition, failed))

    def _value(self, expression: str, failed: int = 0) -> object:
        """Evaluate an expression, by turning it into one of Python's."""
        calls = {
            "always()": "True",
            "cancelled()": str(self._is_cancelled),
            "failure()": str(bool(failed)),
            "success()": str(not failed and not self._is_cancelled),
        }
        operators = {"&&": " and ", "||": " or ", "!": " not "}
        python, at = "", 0
        while at < len(expression):
            found = _NAME.match(expression, at)
            assert found, f"{expression!r} at {at}"
            word, at = found[0], found.end()
            if "." in word and word[0] != "'":
                word = repr(self._context.get(word, ""))
            python += calls.get(word, operators.get(word, word))
        return eval(python.strip(), {"__builtins__": {}})

    def _upload_artifact(self, given: Mapping[str, str]) -> int:
        source, kept = self.root / given["path"], self.store / "artifacts" / given["name"]
        if not source.is_dir() or not any(source.iterdir()):
            return int(given.get("if-no-files-found") == "error")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(source, kept)
        return 0

    def _download_artifact(self, given: Mapping[str, str]) -> int:
        kept = self.store / "artifacts"
        if "name" in given:
            if not (kept / given["name"]).is_dir():
                return 1
            shutil.copytree(kept / given["name"], self.root / given["path"], dirs_exist_ok=True)
            return 0
        for found in kept.glob(given["pattern"]) if kept.is_dir() else ():
            shutil.copytree(found, self.root / given["path"] / found.name, dirs_exist_ok=True)
        return 0

    def _cache_save(self, given: Mapping[str, str]) -> int:
        entry = self.store / "cache" / given["key"]
        for name in given["path"].split():
            if (self.root / name).is_file():
                entry.mkdir(parents=True, exist_ok=True)
                shutil.copy(self.root / name, entry)
        return 0

    def _cache_restore(self, given: Mapping[str, str]) -> int:
        found = [
            entry
            for entry in sorted((self.store / "cache").glob("*"), key=os.path.getmtime)
            if entry.name.startswith(given["restore-keys"])
        ]
        for name in given["path"].split() if found else ():
            if (found[-1] / Path(name).name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(found[-1] / Path(name).name, self.root / name)
        return 0
