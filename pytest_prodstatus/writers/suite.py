"""A first acceptance suite for `prodstatus init`: the catalogue and one test file per stage.

The suite runs at once, and every criterion in it is BLOCKED with the kind not-implemented.
"""

from __future__ import annotations

import json
import re
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_prodstatus.model.catalogue import FINAL
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.markdown import Section

FIRST = (
    Section(
        title="SERVICE STATUS",
        line=0,
        meanings={
            Verdict.CONFIRMED: "The service answers, and was seen to do what it is for.",
            Verdict.FAILED: "It answers wrongly, or not at all.",
            Verdict.BLOCKED: "It could not be asked.",
        },
    ),
    Section(
        title="FINAL PRODUCTION STATUS",
        line=0,
        meanings={
            Verdict.CONFIRMED: "All of the above are CONFIRMED.",
            Verdict.FAILED: "One of them FAILED.",
            Verdict.BLOCKED: "One of them is BLOCKED.",
        },
    ),
)
"""The stages of a new suite if there is no status document to take them from."""

_CRITERION = "holds"
_VERDICTS = (Verdict.CONFIRMED, Verdict.FAILED, Verdict.BLOCKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The texts of a new suite.

    Attributes:
        table: `[tool.prodstatus]` as TOML.
        files: the text of each file, by its name.
    """

    table: str
    files: Mapping[str, str]


def new_suite(sections: Sequence[Section], *, title: str, document: str, folder: str) -> Suite:
    """Return a new suite with one criterion for each stage.

    Args:
        sections: the stages; the last whose title begins with FINAL rolls up all others.
        title: of the document; "" for the default.
        document: the status document, as the configuration names it; "" for the default.
        folder: the folder of the test files, relative to the project's root.
    """
    ids = stage_ids([section.title for section in sections])
    lines = ["[tool.prodstatus]"]
    lines += [f"title = {_toml_string(title)}"] if title else []
    lines += [f"document = {_toml_string(document)}"] if document else []
    # A new suite begins strict: a criterion that records nothing it saw is BLOCKED.
    lines += [f"paths = [{_toml_string(folder)}]", "require_evidence = true"]
    lines.append("require_assertion = true")
    files = {"__init__.py": '"""The acceptance suite: the criteria of the live system."""\n'}
    others = [stage_id for stage_id in ids if stage_id != FINAL]
    for section, stage_id in zip(sections, ids, strict=True):
        lines += ["", "[[tool.prodstatus.stages]]", f"id = {_toml_string(stage_id)}"]
        lines.append(f"title = {_toml_string(section.title)}")
        lines += [f"{v.value.lower()} = {_toml_string(text)}" for v, text in _meanings(section)]
        if stage_id == FINAL and others:
            lines.append(f"rollup = [{', '.join(map(_toml_string, others))}]")
        else:
            lines.append(f"criteria = [{_toml_string(_CRITERION)}]")
            name = f"test_{stage_id.replace('-', '_')}.py"
            files[name] = _test_file(section, stage_id, f"{folder}/{name}")
    return Suite(table="\n".join(lines) + "\n", files=files)


def stage_ids(titles: Sequence[str]) -> list[str]:
    """Return a unique id for each title: `2. ORDER STATUS` becomes `order`.

    Cyrillic and Greek letters are spelt in Latin ones; a title in another script, or of symbols
    alone, becomes `stage`. A leading number and a final STATUS are dropped. The last title that
    begins with FINAL becomes the stage `final`.
    """
    # The last one: a document may have a FINAL of a part before that of the whole.
    finals = [n for n, title in enumerate(titles) if _words(title)[:1] == [FINAL]]
    ids: list[str] = []
    for number, title in enumerate(titles):
        words = _words(title)
        if finals and number == finals[-1]:
            ids.append(FINAL)
            continue
        own = words[:-1] if words[-1:] == ["status"] else words
        # A title may be STATUS alone, or beside words that can't be spelt.
        alone = re.sub(r"[\W\d_]", "", title).casefold() == "status"
        wanted = "status" if alone else "-".join(own) or "stage"
        stage_id, count = wanted, 1
        while stage_id in ids or stage_id == FINAL:
            count += 1
            stage_id = f"{wanted}-{count}"
        ids.append(stage_id)
    return ids


def _meanings(section: Section) -> list[tuple[Verdict, str]]:
    """Return the meaning of each verdict that a section gives."""
    return [(v, section.meanings[v]) for v in _VERDICTS if v in section.meanings]


def _words(title: str) -> list[str]:
    """Return the words of a title in Latin letters, without accents and a leading number."""
    # Without accents first: the table has the letters alone.
    plain = unicodedata.normalize("NFKD", title).lower().translate(_LATIN)
    words = re.findall(r"[a-z0-9]+", plain.encode("ascii", "ignore").decode())
    return words[1:] if words[1:] and words[0].isdigit() else words


def _spelt(letters: str, spellings: str) -> dict[str, str]:
    """Return what each letter is spelt as."""
    return dict(zip(letters, spellings.split(), strict=True))


# Cyrillic and Greek as passports spell them, and Latin letters that aren't accented ones.
_LATIN = str.maketrans({
    **_spelt("абвгдежзиклмнопрст", "a b v g d e zh z i k l m n o p r s t"),
    **_spelt("уфхцчшщыэюяієґ", "u f kh ts ch sh shch y e iu ia i ie g"),
    **dict.fromkeys("ъь", ""),
    **_spelt("αβγδεζηθικλμνξοπρσςτυφχψω", "a v g d e z i th i k l m n x o p r s s t y f ch ps o"),
    **_spelt("ßæœøłđðþı", "ss ae oe o l d d th i"),
})  # fmt: skip


def _toml_string(text: str) -> str:
    """Return a text as TOML writes it."""
    # A JSON string is a TOML string too, but for DEL, which `one_line` has removed before.
    return json.dumps(text, ensure_ascii=False)


def _test_file(section: Section, stage_id: str, path: str) -> str:
    """Return the text of a test file for a stage of the new suite."""
    described = [line for v, text in _meanings(section) for line in _comment(f"{v}: {text}")]
    confirmed = section.meanings.get(Verdict.CONFIRMED, f"{section.title} is CONFIRMED").rstrip(".")
    sentence = textwrap.shorten(confirmed, 80, placeholder=" …")
    body = [
        f'"""{_docstring_text(section.title)}."""',
        "",
        "from __future__ import annotations",
        "",
        "import pytest",
        "from pytest_prodstatus import blocked",
        "",
        f'pytestmark = pytest.mark.stage("{stage_id}")',
        "",
        "",
        f"def test_{_CRITERION}():",
        f'    """{_docstring_text(sentence)}."""',
        *described,
        *_comment(
            "Query the live system, record what was seen with the evidence fixture (name it as an "
            "argument), and assert what must hold. Rename this criterion to what it asserts, here "
            "and in pyproject.toml, and add others beside it."
        ),
        "    blocked(",
        '        "not implemented",',
        '        kind="not-implemented",',
        f'        remedy="write this criterion in {path}",',
        "    )",
    ]
    return "\n".join(body) + "\n"


def _comment(text: str) -> list[str]:
    """Return a text as the lines of a comment within a function."""
    return textwrap.wrap(
        text, 88, initial_indent="    # ", subsequent_indent="    # ", break_long_words=False
    )


def _docstring_text(text: str) -> str:
    """Escape a text for the inside of a docstring."""
    # Quotes too: three of them, or one at the end, would end the docstring.
    return text.replace("\\", "\\\\").replace('"', '\\"')
