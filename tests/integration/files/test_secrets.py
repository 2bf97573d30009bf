"""Planted secrets, driven through every failing path, are found in no byte that is written."""

from __future__ import annotations

import base64
import html
import json
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.integration.project import CONFIG, LEAN, SERIAL, SHOP, XDIST, Project

MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])

PEM = "-----BEGIN PRIVATE KEY-----\nMIIPlantedLineOne0123\nMIIPlantedLineTwo4567\n-----END-----"
LONG = "Lng" + "".join(f"{number * 7919 % 65536:04x}" for number in range(120))
VARIABLES = {
    "SHOP_TOKEN": "plantedToken0123456789",
    "ODD_SECRET": "pl&nted/se\"cr'et+ü <x>\\y=",
    "LONG_KEY": LONG,
    "DATABASE_URL": "postgresql://app:pl%40nted-word-77@db.example:5432/shop?schema=public",
    "CLOUD_CREDENTIALS": json.dumps({"type": "account", "private_key": PEM}),
    "SIGNING_KEY": PEM,
    "OPERATOR_PIN": "49271856",
}
DOTENV = {"FILE_PASSWORD": "planted from the file, twice", "QUOTED_DSN": "planted\nquoted value"}
REGISTERED = "planted-by-a-test-0815"

SECRETS = {
    **VARIABLES,
    **DOTENV,
    "registered": REGISTERED,
    "URL password": "pl@nted-word-77",
    "PEM line": "MIIPlantedLineTwo4567",
}
_JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmVkUGxhbnRlZA"
SHAPES = {
    "JWT": (f"session {_JWT} ended", "eyJzdWIiOiJwbGFudGVkIn0"),
    "Bearer": ("Authorization: Bearer pl4nted.bearer-token", "pl4nted.bearer"),
    "Basic": ("Authorization: Basic cGxhbnRlZDpiYXNpYzE5", "cGxhbnRlZDpi"),
    "userinfo": ("redis://user:pl4ntedinfo@cache.example/0", "pl4ntedinfo"),
}


def encodings(value: str) -> list[str]:
    """Return a value in the encodings in which it may be written."""
    data = value.encode()
    return [
        value,
        quote(value),
        quote(value, safe=""),
        quote_plus(value),
        quote(quote(value, safe="")),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        html.escape(value),
        html.escape(json.dumps(value)[1:-1]),
        repr(value)[1:-1],
        ascii(value)[1:-1],
        repr(data)[2:-1],
        data.hex(),
        data.hex().upper(),
    ]


def in_base64(value: str) -> list[str]:
    """Return the digits that any base64 text contains if this value is in it."""
    found = []
    for before in (b"", b"u", b"u:"):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            digits = encode(before + value.encode() + b"tail").decode()
            # The first and the last digits are shared with the neighbours.
            found.append(digits[len(before) and 4 : (len(before) + len(value.encode())) // 3 * 4])
    return found


def needles() -> Iterator[tuple[str, str]]:
    """Yield each text that must be found nowhere, with the secret that it belongs to."""
    for name, value in SECRETS.items():
        for text in {*encodings(value), *in_base64(value)}:
            yield name, text
    yield "the beginning of a long one", LONG[:24]
    yield "the end of a long one", LONG[-24:]
    yield "set while a test ran", "planted-while-it-ran"
    for name, (_, needle) in SHAPES.items():
        yield name, needle


def texts(secrets: Collection[str]) -> list[str]:
    """Return the texts of the inner tests: each secret in each form, and each shape."""
    forms = [text for value in secrets for text in encodings(value)]
    for value in secrets:
        forms += [
            base64.b64encode(before + value.encode() + b"tail").decode()
            for before in (b"", b"u", b"u:")
        ]
    return [*forms, *(text for text, _ in SHAPES.values()), f"{'x' * 150}{LONG}"]


INNER_CONFTEST = """
import json, os, warnings
from pathlib import Path
import pytest

TEXTS = json.loads(Path(__file__).with_name("texts.json").read_text(encoding="utf-8"))
EARLY = json.loads(Path(__file__).with_name("early.json").read_text(encoding="utf-8"))

@pytest.fixture(scope="session", autouse=True)
def registered(prodstatus_secret):
    prodstatus_secret("planted-by-" + "a-test-0815")

def pytest_sessionstart(session):
    # What crosses to the controller is written down as it is sent.
    for plugin in session.config.pluginmanager.get_plugins():
        if type(plugin).__name__ == "WorkerInteractor":
            send = plugin.sendevent
            def spy(name, send=send, **data):
                with Path(f"channel-{os.getpid()}.txt").open("a", encoding="utf-8") as file:
                    file.write(f"{name} {data!r}\\n")
                send(name, **data)
            plugin.sendevent = spy

def pytest_runtest_logreport(report):
    # A neighbour that was registered later, and keeps everything it is given.
    with Path(f"neighbour-{os.getpid()}.txt").open("a", encoding="utf-8") as file:
        file.write(f"{report.longreprtext}\\n{report.sections!r}\\n{report.user_properties!r}\\n")

def pytest_warning_recorded(warning_message):
    with Path(f"warnings-{os.getpid()}.txt").open("a", encoding="utf-8") as file:
        file.write(f"{warning_message.message!r}\\n")
"""

INNER = """
import json, logging, warnings
from conftest import EARLY, TEXTS

N = range(len(TEXTS))
SOME = pytest.mark.parametrize("n", [n for n in N if n % 11 == 0])

class Shown:
    def __init__(self, text): self.text = text
    def __repr__(self): return f"<Shown {self.text}>"

@api
@SOME
def test_asserts(n):
    text = TEXTS[n]
    assert text == text[::-1]

@api
@SOME
def test_raises(n):
    values = {"key": TEXTS[n], TEXTS[n]: [Shown(TEXTS[n])]}
    try:
        raise KeyError(TEXTS[n])
    except KeyError as error:
        raise RuntimeError(TEXTS[n]) from error

@pytest.fixture
def broken(n):
    raise OSError(f"set-up: {TEXTS[n]}")

@pytest.fixture
def breaks(n):
    yield
    raise OSError(f"tear-down: {TEXTS[n]}")

@pytest.fixture(params=["eu"], ids=["eu"])
def shown(request, n):
    return TEXTS[n]

@api
@SOME
def test_setup(n, broken): pass

@api
@SOME
def test_teardown(n, breaks, shown): pass

@api
@SOME
def test_skips(n): pytest.skip(TEXTS[n])

@api
@SOME
def test_blocked(n): blocked("x" * 560 + TEXTS[n], remedy=f"unset {TEXTS[n]}")

@api
@SOME
def test_xfails(n): pytest.xfail(TEXTS[n])

@api
@pytest.mark.parametrize("value", [pytest.param(text, id=f"t{n}") for n, text in enumerate(TEXTS)])
def test_parameter(value): assert not value

@api
def test_evidence(evidence, prodstatus_endpoint):
    for n, text in enumerate(TEXTS):
        evidence(**{f"value_{n}": text, f"named_{n}": {text: text}, f"cut_{n}": "x" * 1990 + text})
    prodstatus_endpoint("api", f"https://u:{TEXTS[0]}@h.example")

@api
def test_evidence_names(evidence):
    for text in TEXTS[:150]:
        evidence(**{text: [text], f"pin {text}": 49271856})

@api
def test_attaches(evidence, tmp_path):
    (tmp_path / "all.log").write_text("\\n".join(TEXTS), encoding="utf-8")
    evidence.attach("all.log", tmp_path / "all.log")
    (tmp_path / "all.log").unlink()
    evidence.attach("all.json", json.dumps(TEXTS))
    for text in TEXTS[:40]:
        evidence.attach(text, "text " + text)

@api
def test_refused_attachment(evidence): evidence.attach(TEXTS[0], TEXTS[0].encode("utf-16"))

@api
def test_refused_evidence(evidence): evidence(value=Shown(TEXTS[0]))

@api
def test_logs():
    for text in TEXTS:
        logging.getLogger("shop").error("text %s", text)
        warnings.warn(f"text {text}", UserWarning)
        warnings.warn(UserWarning(text, Shown(text)))
    assert 0, "logged"

@api
def test_logs_and_holds(record_property):
    for n, text in enumerate(TEXTS):
        logging.getLogger("shop").error("text %s", text)
        record_property(f"text {n}", text)
        record_property(f"shown {n}", Shown(text))

if os.environ["PRINTS"] == "1":
    @api
    def test_prints():
        for text in TEXTS:
            print(text)
            print(text, file=sys.stderr)
        os.write(1, TEXTS[0].encode())

    @api
    def test_prints_and_fails():
        for text in TEXTS:
            print(text)
        assert 0, "printed"

@api
@SOME
def test_subtests(n, request):
    subtests = request.getfixturevalue("subtests")
    with subtests.test(TEXTS[n], text=TEXTS[n]):
        assert TEXTS[n] == ""

@api
def test_tells_other_plugins(record_testsuite_property, extras):
    import pytest_html
    for n, text in enumerate(EARLY):
        record_testsuite_property(f"text {n}", text)
        extras.append(pytest_html.extras.text(text))
        extras.append(pytest_html.extras.json({text: text}))
        extras.append(pytest_html.extras.url(f"https://h.example/?q={text}"))

@api
def test_titled(): assert 0
test_titled.__doc__ = f"Titled {TEXTS[0]}"

@api
def test_unset(monkeypatch):
    monkeypatch.setenv("LATER_TOKEN", "planted-while-it-ran")
    assert os.environ["LATER_TOKEN"] == "another"
"""
# No fixture has run when a file is collected, so nothing is registered yet.
BROKEN = """
from conftest import EARLY
raise RuntimeError("\\n".join(EARLY))
"""


def planted(project: Project, monkeypatch: pytest.MonkeyPatch, prints: str = "1") -> Project:
    """Plant the secrets and write the tests that show them."""
    config = 'secrets = ["*_PIN"]\nhtml = "report.html"\nattachments = true\n'
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PRINTS", prints)
    lines = [f"{name}={json.dumps(value)}" for name, value in DOTENV.items()]
    project.write(
        {
            "pyproject.toml": CONFIG.replace("[tool.prodstatus]\n", f"[tool.prodstatus]\n{config}"),
            ".env": "# ours\n" + "\n".join(lines),
            "texts.json": json.dumps(texts(SECRETS.values())),
            "early.json": json.dumps(texts([v for v in SECRETS.values() if v != REGISTERED])),
            "conftest.py": INNER_CONFTEST,
            "test_api.py": INNER,
            "test_broken.py": BROKEN,
        }
    )
    return project


SOURCES = {
    ".env", "texts.json", "early.json", "conftest.py", "test_api.py", "test_broken.py",
    "pyproject.toml",
}  # fmt: skip


def leaks(root: Path, output: str) -> set[str]:
    """Return the secrets in the files of a folder and in a run's output, each with its place."""
    written = {
        str(path.relative_to(root)): path.read_bytes().decode("utf-8", "replace")
        for path in root.rglob("*")
        if path.is_file() and path.name not in SOURCES and "__pycache__" not in path.parts
    }
    found: set[str] = set()
    for place, text in {**written, "the terminal": output}.items():
        # A page's text, and the JSON inside it, are read as a reader's program does.
        plain = html.unescape(text)
        for form in {text, plain, plain.replace("\\\\", "\\")}:
            found |= {
                f"{place}: {name} in …{form[max(0, at - 40) : at + 20]!r}…"
                for name, needle in needles()
                if (at := form.find(needle)) >= 0
            }
    return found


LOUD = ("-l", "-vv", "--tb=long", "-rA", "--setup-show", "--junitxml=reports/junit.xml",
        "--log-file=log.txt", "-o", "log_cli=true", "--continue-on-collection-errors",
        "-p", "no:cacheprovider", "-m", "production")  # fmt: skip
IN_SWEEP = [(XDIST, "no"), (XDIST, "sys")] if os.environ.get("PRODSTATUS_SWEEP") else []
HTML = tuple(name for name in LEAN if name not in ("html", "metadata"))


@pytest.mark.parametrize(
    ("mode", "capture"), [(SERIAL, "fd"), (SERIAL, "no"), (XDIST, "fd"), *IN_SWEEP]
)
def test_planted_secrets_are_found_nowhere(
    project: Project, monkeypatch: pytest.MonkeyPatch, mode: tuple[str, ...], capture: str
) -> None:
    """No secret is in the outputs, others' reports, the terminal or xdist's channel.

    Under `--capture=no` the tests print nothing themselves: that can't be caught.
    """
    pytest.importorskip("pytest_html")
    planted(project, monkeypatch, prints="1" if capture == "fd" else "0")
    ran = project.run_alone(*LOUD, *mode, f"--capture={capture}", lean=HTML)
    assert ran.status == 1
    assert ran.verdicts["api.asserts[0]"] == "FAILED observed"
    assert {"report.html", "junit.xml"} <= ran.files
    assert leaks(project.root, ran.out + ran.err) == set()
    assert "********" in (ran.page or "")
    assert ran.out.count("********") > 100


ENDINGS = {
    "crash": "import os; print(value); os._exit(3)",
    "exit": "pytest.exit(value)",
    "interrupt": "raise KeyboardInterrupt(value)",
    "fail fast": "request.session.shouldfail = value",
    "stop": "request.session.shouldstop = value",
    "no traceback": "pytest.fail(value, pytrace=False)",
    "expected": "request.applymarker(pytest.mark.xfail(reason=value)); assert 0",
    "unexpected": "request.applymarker(pytest.mark.xfail(reason=value, strict=True))",
}
TOKEN = "plantedToken0123456789"


@pytest.mark.parametrize(
    ("ending", "mode"),
    [
        *((ending, SERIAL) for ending in ENDINGS if ending != "crash"),
        *((ending, XDIST) for ending in ("crash", "exit", "fail fast")),
    ],
)
def test_secrets_are_not_shown_as_a_run_ends(
    project: Project, monkeypatch: pytest.MonkeyPatch, mode: tuple[str, ...], ending: str
) -> None:
    """If a run ends early, in any way, the reason is shown without the secret."""
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    test = f"""
    @api
    def test_a(request):
        value = os.environ["SHOP_TOKEN"]
        {ENDINGS[ending]}
    """
    conftest = """
    from pathlib import Path
    def pytest_sessionfinish(session):
        with Path("seen.txt").open("a") as file:
            file.write(f"{session.shouldfail} {session.shouldstop}")
    """
    project.write({"test_api.py": test, "conftest.py": conftest})
    ran = project.run_alone(*mode, "-vv", "-l", "-rA", "--full-trace", "-p", "no:cacheprovider")
    assert ran.status != 0
    assert "********" in ran.out or mode == XDIST  # if the controller doesn't print the reason
    assert TOKEN not in ran.out + ran.err
    assert TOKEN not in (project.root / "seen.txt").read_text(encoding="utf-8")
    written = [path.read_bytes() for path in project.folder.rglob("*") if path.is_file()]
    assert len(written) == 3
    assert not any(TOKEN.encode() in content for content in written)


@MODES
def test_pytest_s_own_failure_shows_no_secret(
    project: Project, monkeypatch: pytest.MonkeyPatch, mode: tuple[str, ...]
) -> None:
    """An internal error shows the code and the message that raised it, without the secret."""
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    conftest = """
    import os
    from pathlib import Path
    def pytest_internalerror(excrepr):
        with Path("seen.txt").open("a") as file:  # a worker's, and then the controller's own
            file.write(str(excrepr))
    def pytest_runtest_protocol(item):
        raise OSError(os.environ["SHOP_TOKEN"])
    """
    project.write({"conftest.py": conftest, "test_api.py": "@api\ndef test_a(): pass\n"})
    ran = project.run(*mode, "-m", "production")
    assert "INTERNALERROR" in ran.out
    assert "OSError: ********" in ran.out
    written_text = (project.root / "seen.txt").read_text(encoding="utf-8")
    assert "OSError: ********" in written_text
    assert TOKEN not in ran.out + ran.err + json.dumps(ran.record) + written_text


@MODES
def test_a_secret_in_a_test_s_id_is_a_usage_error(
    project: Project, monkeypatch: pytest.MonkeyPatch, mode: tuple[str, ...]
) -> None:
    """Each process and report names a test by its id, so nothing runs; the secret isn't shown.

    An id of its own fixes it, and so does declaring that the variable isn't a secret.
    """
    monkeypatch.setenv("CACHE_KEY", "europe-west")
    test = """
    @api
    @pytest.mark.parametrize("region", ["europe-west"])
    def test_a(region): pass
    """
    project.write({"test_api.py": test})
    ran = project.run(*mode)
    assert ran.status == 4
    assert "test_api.py::test_a[********]: the test's id holds the value of CACHE_KEY" in ran.err
    assert "europe-west" not in ran.out + ran.err
    assert ran.files == frozenset()
    assert project.run("--collect-only", "-q").status == 4
    project.write({"test_api.py": test.replace('"europe-west"', 'pytest.param("x", id="eu")')})
    assert "api.a[eu]" in project.run(*mode).criteria
    excepted = CONFIG.replace("[tool.prodstatus]", '[tool.prodstatus]\nsecrets = ["!CACHE_*"]')
    project.write({"test_api.py": test, "pyproject.toml": excepted})
    assert "api.a[europe-west]" in project.run(*mode).criteria


def test_a_run_without_criteria_is_left_alone(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of unit tests isn't a production run, so its output isn't redacted."""
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    test = """
    import warnings
    def test_a():
        print(os.environ["SHOP_TOKEN"])
        warnings.warn(os.environ["SHOP_TOKEN"])
        assert os.environ["SHOP_TOKEN"] == ""
    """
    project.write({"test_unit.py": test})
    assert project.run().out.count(TOKEN) > 3
    project.write({"test_api.py": "@api\ndef test_a(): pass\n"})
    assert TOKEN not in project.run().out


def test_a_record_of_before_is_carried_over_without_secrets(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text that an earlier run wrote, before it was a secret, is redacted as it is read."""
    test = f"""
    @api
    def test_a(evidence):
        evidence(token="{TOKEN}")
        assert 0, "{TOKEN}"
    @shop
    def test_b(): pass
    """
    project.write({"test_api.py": test})
    assert TOKEN in json.dumps(project.run().record)
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    ran = project.run("--stage=shop")
    assert ran.criteria["api.a"]["carried_over"]
    assert ran.values("api.a") == {"token": {"type": "text", "value": "********"}}
    assert TOKEN not in json.dumps(ran.record) + (ran.page or "") + (ran.document or "") + ran.out


def test_a_test_s_own_log_handler_sees_what_it_logged(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A criterion can assert on what was logged: only the output is redacted."""
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    test = """
    import logging
    @api
    def test_a(caplog, capsys):
        logging.warning(os.environ["SHOP_TOKEN"])
        print(os.environ["SHOP_TOKEN"])
        assert os.environ["SHOP_TOKEN"] in caplog.text
        assert os.environ["SHOP_TOKEN"] in capsys.readouterr().out
    """
    project.write({"test_api.py": test})
    assert project.run().verdicts == {"api.a": "CONFIRMED"}


def test_new_files_have_the_umask_s_mode(project: Project) -> None:
    """A person who wants them private sets the umask; a web server can show them otherwise."""
    pytest.importorskip("pytest_html")
    config = CONFIG.replace("[tool.prodstatus]", '[tool.prodstatus]\nhtml = "report.html"')
    project.write({"test_api.py": "@api\ndef test_a(): pass\n", "pyproject.toml": config})
    project.run("-m", "production", lean=HTML)
    os.umask(umask := os.umask(0o022))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in project.folder.iterdir()}
    names = ("STATUS.md", "status.html", "status.json", "report.html")
    assert modes == dict.fromkeys(names, 0o666 & ~umask)


@pytest.mark.parametrize("partial", [(), ("--stage=api",)], ids=["complete", "partial"])
def test_a_secret_that_became_known_leaves_the_former_record(
    project: Project, monkeypatch: pytest.MonkeyPatch, partial: tuple[str, ...]
) -> None:
    """While a run is in progress its record keeps the former one, without what is a secret now."""
    written_text = """
    @api
    def test_a(evidence):
        file = Path("reports/status.json")
        if "API_TOKEN" in os.environ:
            text = file.read_text(encoding="utf-8")
            assert '"previous"' in text and "former-value-1" not in text
        else:
            evidence(token="former-value-1")
    """
    project.write({"test_api.py": written_text, "test_shop.py": SHOP})
    assert project.run().status == 0
    assert "former-value-1" in (project.folder / "status.json").read_text(encoding="utf-8")
    monkeypatch.setenv("API_TOKEN", "former-value-1")
    ran = project.run(*partial)
    assert ran.verdicts["api.a"] == "CONFIRMED"


@pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
def test_a_dotenv_file_that_is_written_later_is_read(
    project: Project, mode: tuple[str, ...]
) -> None:
    """A secret in `.env`, which isn't in the environment, is redacted as well."""
    project.write(
        {
            "test_api.py": """
            from pathlib import Path

            @api
            def test_says(request):
                print("nothing yet, and long enough to be looked at")
                path = Path(request.config.rootpath) / ".env"
                path.write_text("SHOP_TOKEN='planted-later-1'")
                assert not "the shop took planted-later-1"
            """
        }
    )
    ran = project.run(*mode)
    assert ran.verdicts["api.says"] == "FAILED observed"
    assert "the shop took ********" in ran.criteria["api.says"]["reason"]
    assert "planted-later-1" not in f"{ran.record}{ran.document}{ran.out}"


def test_a_line_of_dotenv_that_can_not_be_read_is_named_and_its_words_are_secrets(
    project: Project,
) -> None:
    """The run says which line, and shows none of it; what it can read, it reads as its reader."""
    dotenv = "BASE=planted-base\n\nSHOP_PASS: planted-unread\nAPI_TOKEN_V2=${BASE}-and-more\n"
    test = """
    @api
    def test_says():
        assert 0, "the shop took " + "planted-" + "unread and " + "planted-base-" + "and-more"
    """
    project.write({".env": dotenv, "test_api.py": test})
    ran = project.run()
    assert ran.criteria["api.says"]["reason"] == "the shop took ******** and ********"
    assert ".env line 3: this is not NAME=value as python-dotenv reads it" in ran.out
    assert "planted-unread" not in f"{ran.record}{ran.document}{ran.out}"
