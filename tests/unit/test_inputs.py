"""Project, target, folder, release and run come from options, environment or ini files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_prodstatus.cli.common import configured_in
from pytest_prodstatus.project import InputError, Inputs, resolve_inputs
from pytest_prodstatus.readers.config import ConfigError

FILES = {
    "pytest.toml": '[pytest]\nprodstatus_target = "eu"\nprodstatus_dir = "out"\n',
    ".pytest.toml": '[pytest]\nprodstatus_target = "eu"\nprodstatus_dir = "out"\n',
    "pytest.ini": "[pytest]\nprodstatus_target = eu\nprodstatus_dir = out\n",
    ".pytest.ini": "[pytest]\nprodstatus_target = eu\nprodstatus_dir = out\n",
    "pyproject.toml": '[tool.pytest]\nprodstatus_target = "eu"\nprodstatus_dir = "out"\n',
    "tox.ini": "[pytest]\nprodstatus_target = eu\nprodstatus_dir = out\n",
    "setup.cfg": "[tool:pytest]\nprodstatus_target = eu\nprodstatus_dir = out\n",
}
INI_OPTIONS = '[tool.pytest.ini_options]\nprodstatus_target = "eu"\nprodstatus_dir = "out"\n'
VALUES = {"target": "eu", "dir": "out", "subject": ""}


def resolved(
    options: Mapping[str, str | None] | None = None,
    environ: Mapping[str, str] | None = None,
    ini: Mapping[str, str] | None = None,
    start: Path = Path("/here"),
) -> Inputs:
    """Return the inputs that are resolved from these values."""
    return resolve_inputs(options or {}, environ or {}, ini or {}, start)


class TestOrder:
    """If several sources have a value, the first in a fixed order counts."""

    def test_nothing_is_given(self) -> None:
        """Without a source, the target is production in its usual folder in the project."""
        got = resolved()
        assert got == Inputs(root=None, target="production", folder=None, subject=None, run=None)
        assert got.outputs(Path("/shop")) == Path("/shop/reports")
        eu = resolved({"target": "eu"})
        assert eu.outputs(Path("/shop")) == Path("/shop/reports/eu")

    @pytest.mark.parametrize(
        ("name", "field", "value"),
        [("target", "target", "eu"), ("subject", "subject", "v1"), ("dir", "folder", "out")],
    )
    def test_the_command_line_before_the_environment_before_the_file(
        self, name: str, field: str, value: str
    ) -> None:
        """A source counts if those before it give nothing: options, environment, file."""
        variable = f"PRODSTATUS_{name.upper()}"
        expected = Path("/here") / value if name == "dir" else value
        other = {"target": "x", "subject": "x", "dir": "x"}
        assert getattr(resolved({name: value}, {variable: "x"}, other), field) == expected
        assert getattr(resolved({name: None}, {variable: value}, other), field) == expected
        assert getattr(resolved({}, {}, {name: value}), field) == expected

    def test_the_run_and_the_root_are_in_no_file(self, tmp_path: Path) -> None:
        """Run and root are of one run and one machine, so no file gives them."""
        environ = {"PRODSTATUS_RUN_ID": "build-1", "PRODSTATUS_ROOT": "shop"}
        (tmp_path / "shop").mkdir()
        got = resolved({}, environ, {}, tmp_path)
        assert (got.run, got.root) == ("build-1", tmp_path / "shop")
        got = resolved({"run": "build-2", "root": str(tmp_path)}, environ, {}, tmp_path)
        assert (got.run, got.root) == ("build-2", tmp_path)

    @pytest.mark.parametrize("name", ["target", "dir", "subject"])
    @pytest.mark.parametrize("blank", ["", "  "])
    def test_what_is_empty_counts_as_absent(self, name: str, blank: str) -> None:
        """An empty value is absent, as of a variable that a CI job doesn't fill."""
        assert resolved({}, {f"PRODSTATUS_{name.upper()}": blank}, {name: blank}) == resolved()
        full = resolved({}, {f"PRODSTATUS_{name.upper()}": blank}, {name: "eu"})
        assert full == resolved({name: "eu"})

    def test_folders_are_relative_to_the_current_one(self, tmp_path: Path) -> None:
        """A relative path starts in the current folder, from every source."""
        below = tmp_path / "a/b"
        assert resolved({"dir": "a/b"}, start=tmp_path).folder == below
        assert resolved(environ={"PRODSTATUS_DIR": "a/b"}, start=tmp_path).folder == below
        assert resolved(ini={"dir": "a/b"}, start=tmp_path).folder == below
        assert resolved({"dir": "/abs"}, start=tmp_path).folder == Path("/abs")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (({"target": ""}, {}, {}), "--target '' is empty: leave the option out"),
        (({"dir": " "}, {"PRODSTATUS_DIR": "x"}, {}), "--dir ' ' is empty"),
        (({"subject": ""}, {}, {}), "--subject '' is empty"),
        (({"run": ""}, {}, {}), "--run '' is empty"),
        (({"root": ""}, {}, {}), "--root '' is empty"),
        (({"target": "a/b"}, {}, {}), "--target 'a/b': use letters, digits"),
        (({}, {"PRODSTATUS_TARGET": "a/b"}, {}), "PRODSTATUS_TARGET='a/b': use letters"),
        (({}, {}, {"target": "a/b"}), "prodstatus_target = 'a/b': use letters"),
        (({"root": "none"}, {}, {}), "--root 'none': there is no such folder"),
        (({}, {"PRODSTATUS_ROOT": "none"}, {}), "PRODSTATUS_ROOT='none': there is no such folder"),
    ],
)
def test_what_can_not_be_used(
    given: tuple[dict[str, str], dict[str, str], dict[str, str]], why: str, tmp_path: Path
) -> None:
    """A value that can't be used is refused in one sentence with source, value and rule."""
    with pytest.raises(InputError) as caught:
        resolved(*given, tmp_path)
    assert str(caught.value).startswith(why)


@pytest.mark.parametrize(
    "name",
    ["last-open", "a/b", "..", ".hidden", "C:\\x", "a b", "a\nb", "a\x1bb", "a\u202eb", "é", "-k",
     "status.json", "x" * 129],
)  # fmt: skip
@pytest.mark.parametrize("source", ["option", "variable"])
def test_a_run_has_an_id_that_no_one_takes_for_something_else(name: str, source: str) -> None:
    """No path, file, option or word of a command, and nothing that an output must escape."""
    by_option = ({"run": name}, {}) if source == "option" else ({}, {"PRODSTATUS_RUN_ID": name})
    with pytest.raises(InputError, match="a run's id has at most 128 letters") as caught:
        resolved(*by_option)
    text = str(caught.value)
    assert text.startswith("--run '" if source == "option" else "PRODSTATUS_RUN_ID='")
    assert text.isprintable()
    assert len(text) < 350


@pytest.mark.parametrize(
    "name", ["5", "20260101T000000Z-a1b2c3", "812-1@main", "v41+b.2", "last-opened", "x" * 128]
)
def test_what_ci_systems_call_a_run_is_an_id(name: str) -> None:
    """Blanks around it don't count."""
    assert resolved({}, {"PRODSTATUS_RUN_ID": f" {name}\n"}).run == name


def test_options_are_named_as_they_are_written() -> None:
    """A message names the plugin's option by its longer name, and a command's by its own."""
    with pytest.raises(InputError, match="--prodstatus-target 'a/b': use"):
        resolve_inputs({"target": "a/b"}, {}, {}, Path("/"), dashes="--prodstatus-")


class TestConfigured:
    """Commands read pytest's files and PYTEST_ADDOPTS as pytest does."""

    @pytest.mark.parametrize("name", FILES)
    def test_every_file(self, tmp_path: Path, name: str) -> None:
        """Each file of pytest's is read, in the current folder or the nearest above."""
        (tmp_path / name).write_text(FILES[name], encoding="utf-8")
        (tmp_path / "sub").mkdir()
        for start in (tmp_path, tmp_path / "sub"):
            assert configured_in(start, {}) == ({}, VALUES)

    def test_the_older_table(self, tmp_path: Path) -> None:
        """In `[tool.pytest.ini_options]` a number is text."""
        path = tmp_path / "pyproject.toml"
        path.write_text(f"{INI_OPTIONS}prodstatus_subject = 41\n", encoding="utf-8")
        assert configured_in(tmp_path, {}).ini == {**VALUES, "subject": "41"}

    @pytest.mark.parametrize("n", range(len(FILES) - 1))
    def test_the_first_file_of_a_folder_counts(self, tmp_path: Path, n: int) -> None:
        """The first file in pytest's order counts; one of pytest's own name even if empty."""
        names = list(FILES)
        first, *others = names[n:]
        own = first.strip(".").startswith("pytest.")
        text = "" if own else FILES[first].replace("eu", "us")
        (tmp_path / first).write_text(text, encoding="utf-8")
        for name in others:
            (tmp_path / name).write_text(FILES[name], encoding="utf-8")
        assert configured_in(tmp_path, {}).ini["target"] == ("" if own else "us")

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("tox.ini", "[tox]\nenvlist = pytest\nprodstatus_target = us\n"),
            ("setup.cfg", "[flake8]\n# pytest\nprodstatus_target = us\n"),
            ("pyproject.toml", '[project]\nname = "pytest"\n'),
            ("pytest.cfg", "[pytest]\nprodstatus_target = us\n"),
        ],
    )
    def test_another_tool_s_file_is_passed_over(self, tmp_path: Path, name: str, text: str) -> None:
        """A file without a section for pytest is ignored, and the file above it counts."""
        (tmp_path / "pytest.ini").write_text(FILES["pytest.ini"], encoding="utf-8")
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / name).write_text(text, encoding="utf-8")
        assert configured_in(tmp_path / "sub", {}).ini == VALUES

    @pytest.mark.parametrize(
        ("arguments", "options"),
        [
            ("--prodstatus-target=eu", {"target": "eu"}),
            ("--prodstatus-target eu -q", {"target": "eu"}),
            ("-q --target=eu", {"target": "eu"}),
            ("--target eu", {"target": "eu"}),
            ("--target=eu --prodstatus-target us", {"target": "us"}),
            ("--prodstatus-dir=out --prodstatus-subject 'v 1'", {"dir": "out", "subject": "v 1"}),
            ("--prodstatus-root=..", {"root": ".."}),
            ("-m production --targets=eu -k target --prodstatus-gate=off", {}),
            ("-- --target=eu", {}),
            ("--target", {}),
        ],
    )
    def test_extra_arguments(self, tmp_path: Path, arguments: str, options: dict[str, str]) -> None:
        """Both forms of an option are read, in variable and file; the last one counts."""
        assert configured_in(tmp_path, {"PYTEST_ADDOPTS": arguments}).options == options
        path = tmp_path / "pytest.ini"
        path.write_text(f"[pytest]\naddopts = {arguments}\n", encoding="utf-8")
        assert configured_in(tmp_path, {}).options == options

    def test_a_list_of_arguments(self, tmp_path: Path) -> None:
        """In TOML, addopts may be a list; PYTEST_ADDOPTS comes after it."""
        path = tmp_path / "pyproject.toml"
        path.write_text('[tool.pytest]\naddopts = ["--target", "eu"]\n', encoding="utf-8")
        assert configured_in(tmp_path, {}).options == {"target": "eu"}
        environ = {"PYTEST_ADDOPTS": "--target=us"}
        assert configured_in(tmp_path, environ).options == {"target": "us"}

    @pytest.mark.parametrize("form", ["-o {}", "-o{}", "--override-ini={}", "--override-ini {}"])
    def test_a_key_that_is_overridden(self, tmp_path: Path, form: str) -> None:
        """A key is overridden by `-o` in the extra arguments."""
        (tmp_path / "pytest.ini").write_text(FILES["pytest.ini"], encoding="utf-8")
        environ = {"PYTEST_ADDOPTS": form.format("prodstatus_target=us")}
        assert configured_in(tmp_path, environ).ini == {**VALUES, "target": "us"}
        environ = {"PYTEST_ADDOPTS": form.format("addopts=--target=us")}
        assert configured_in(tmp_path, environ).options == {"target": "us"}

    @pytest.mark.parametrize("form", ["-c {}", "-c{}", "--config-file={}", "--config-file {}"])
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("ci.ini", FILES["tox.ini"]),
            ("ci.cfg", FILES["setup.cfg"]),
            ("ci.toml", FILES["pytest.toml"]),
            ("ci.toml", FILES["pyproject.toml"]),
        ],
    )
    def test_another_file(self, tmp_path: Path, form: str, name: str, text: str) -> None:
        """A file that `-c` in PYTEST_ADDOPTS names replaces the usual one."""
        (tmp_path / "conf").mkdir()
        (tmp_path / "conf" / name).write_text(text, encoding="utf-8")
        (tmp_path / "pytest.ini").write_text("[pytest]\nprodstatus_subject=x\n", encoding="utf-8")
        environ = {"PYTEST_ADDOPTS": form.format(f"conf/{name}")}
        assert configured_in(tmp_path, environ).ini == VALUES

    @pytest.mark.parametrize(
        ("name", "text", "why"),
        [
            ("pytest.ini", "[pytest\n", "pytest.ini:1"),
            ("pytest.ini", "[pytest]\naddopts = '\n", "addopts = \"'\" can't be split"),
            ("pytest.toml", "[pytest]\nprodstatus_dir = 1\n", "prodstatus_dir = 1 must be text"),
            ("pytest.toml", "[pytest]\naddopts = 1\n", "addopts = 1 must be text, or a list"),
            ("pyproject.toml", "[tool.pytest\n", "not valid TOML"),
        ],
    )
    def test_what_pytest_could_not_read(
        self, tmp_path: Path, name: str, text: str, why: str
    ) -> None:
        """A file that pytest couldn't read is an error: other values must not be used."""
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            configured_in(tmp_path, {})
        assert why in str(caught.value)

    def test_what_is_no_text(self, tmp_path: Path) -> None:
        """A file in another encoding, or a variable with an open quote, is an error."""
        (tmp_path / "tox.ini").write_bytes(b"[pytest]\n# \xff\n")
        with pytest.raises(ConfigError, match=r"tox\.ini: can't be read"):
            configured_in(tmp_path, {})
        with pytest.raises(ConfigError, match=r"PYTEST_ADDOPTS = .* can't be split into arguments"):
            configured_in(tmp_path, {"PYTEST_ADDOPTS": "-k 'a"})
