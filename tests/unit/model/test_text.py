"""Text is made safe once; durations and ages have forms that people write and read."""

from __future__ import annotations

import enum
import json
import sys
import unicodedata
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_prodstatus.model.text import (
    described,
    format_age,
    format_duration,
    is_visible,
    one_line,
    parse_duration,
    several_lines,
    text_of,
    traceback_of,
    type_name,
)
from tests.unit.given import each_hostile_text

ANY_TEXT = st.text(st.characters(codec=None), max_size=60)
ANY_LINES = st.lists(ANY_TEXT, max_size=6).map("\n".join)


class Text(str, enum.Enum):
    """Texts, as a suite may name its stages."""

    PAID = "paid"


class Nameless(type):
    """A class of classes without a name."""

    @property
    def __name__(cls) -> str:  # type: ignore[override]
        """Raise."""
        raise RuntimeError


class Untold(Exception, metaclass=Nameless):  # noqa: N818
    """An exception all of whose texts raise something."""

    def __init__(self, what: BaseException) -> None:
        self.what = what

    def __str__(self) -> str:
        raise self.what

    __repr__ = __str__

    @property
    def __cause__(self) -> BaseException:  # type: ignore[override]
        """Raise."""
        raise self.what


@pytest.mark.parametrize("what", [ValueError(), SystemExit(), KeyboardInterrupt()], ids=type_name)
def test_texts_of_someone_else_s_objects_raise_nothing(what: BaseException) -> None:
    """What an exception raises when it is asked for a text would lose the verdict."""
    error = Untold(what)
    assert text_of(error) == ""
    assert type_name(error) == "Untold"
    assert traceback_of(error) == "Untold: \n"
    assert "Untold" in described(error)


def test_a_text_of_another_class_is_its_text() -> None:
    """Code of its own is not called, and no dictionary takes it for another key."""
    assert [type(text_of(one)) for one in (Text.PAID, ValueError(Text.PAID))] == [str, str]
    assert text_of(Text.PAID) == "paid"


@pytest.mark.parametrize(
    "value", ["a", " é ", "7", "?", "\N{WHITE HEAVY CHECK MARK}", "\u200b店", "\x1b", "\ud800"]
)
def test_a_text_with_something_to_read(value: str) -> None:
    """One character is enough, also one that is shown as an escape."""
    assert is_visible(value)


BLANKS = "\u200b\u2060\ufeff\xad\u3164\u2800\u115f\u202e\u00a0\n"


@pytest.mark.parametrize("value", ["", " ", *BLANKS, BLANKS, None, 5, b"a"])
def test_a_value_that_shows_nothing(value: object) -> None:
    """White space, characters of no width and blank letters name no owner or reason."""
    assert not is_visible(value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("  spaces \t and\ttabs  ", "spaces and tabs"),
        ("two\nlines", "two lines"),
        ("a\r\nb\rc\x0bd\x0ce\x85f\u2028g\u2029h", "a b c d e f g h"),
        ("no\u00a0break\u3000wide", "no break wide"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("nul\x00", "nul\\x00"),
        ("c1\x9b", "c1\\x9b"),
        ("lone \ud800", "lone \\ud800"),
        ("bidi \u202e", "bidi \\u202e"),
        ("private \ue000 and \U00100000", "private \\ue000 and \\U00100000"),
        ("👩‍👧 ñ 汉", "👩‍👧 ñ 汉"),
        ("", ""),
    ],
)
def test_what_a_reader_sees(text: str, shown: str) -> None:
    """White space becomes one space, and dangerous characters become visible escapes."""
    assert one_line(text) == shown


def test_what_is_printable_stays_alone_or_beside_what_is_not() -> None:
    """The shortcut for a printable text and the way of each character are of one mind."""
    printable = "".join(filter(str.isprintable, map(chr, range(sys.maxunicode + 1))))
    assert several_lines(f"{printable}\x00", limit=sys.maxunicode) == f"{printable}\\x00"


@pytest.mark.parametrize("mark", [chr(code) for code in (0x61C, 0x200E, 0x200F)])
def test_direction_marks_are_shown(mark: str) -> None:
    """A direction mark reorders what a reader sees, so it becomes an escape."""
    assert one_line(f"a{mark}b") == f"a\\u{ord(mark):04x}b"


@pytest.mark.parametrize("code", [*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
def test_direction_controls_are_shown(code: int) -> None:
    """Every embedding, override and isolate becomes an escape."""
    assert one_line(chr(code)) == f"\\u{code:04x}"


def test_a_long_text_is_cut_and_says_so() -> None:
    """A text that is cut names its former length, and stays within the limit."""
    cut = one_line("x" * 10_000_000, limit=100)
    assert len(cut) == 100
    assert cut.endswith("… (cut from 10,000,000 characters)")
    assert one_line("y" * 100, limit=100) == "y" * 100


def test_much_white_space_is_a_cut_too() -> None:
    """Text beyond what is looked at is never dropped silently."""
    assert one_line(" " * 1_000 + "secret", limit=100) == "… (cut from 1,006 characters)"


@each_hostile_text
@pytest.mark.parametrize("limit", [40, 600])
def test_hostile_text_is_harmless(text: str, limit: int) -> None:
    """Any text becomes one line that is printable, bounded and encodable."""
    _assert_safe(one_line(text, limit=limit), limit)


@given(ANY_TEXT, st.integers(40, 80))
def test_any_text_is_harmless_and_stays_as_it_is(text: str, limit: int) -> None:
    """A second call changes nothing, so that a record reads back equal."""
    once = one_line(text, limit=limit)
    _assert_safe(once, limit)
    assert one_line(once, limit=limit) == once


def _assert_safe(line: str, limit: int) -> None:
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
    assert not {unicodedata.category(char) for char in line} & {"Cc", "Cs"}
    assert json.loads(json.dumps(line)) == line
    assert line.encode().decode() == line


def test_several_lines_keep_their_lines_and_their_indentation() -> None:
    """A traceback is read by its shape; characters that move a cursor are shown as escapes."""
    assert several_lines("def a():\r\n\treturn 1   \n\n>   x\x1b[31m\u202e\n\n") == (
        "def a():\n    return 1\n\n>   x\\x1b[31m\\u202e"
    )
    assert several_lines("") == ""


def test_of_many_lines_the_last_are_kept() -> None:
    """The end is kept, which says what went wrong; the first line says how much there was."""
    cut = several_lines("first\n" + "x" * 20_000 + "\nE   AssertionError: it was not", limit=1_000)
    assert len(cut) <= 1_000
    assert cut.startswith("… (cut from 20,037 characters)\n")
    assert cut.endswith("\nE   AssertionError: it was not")


@given(ANY_LINES, st.integers(60, 200))
def test_any_several_lines_are_harmless_and_stay_as_they_are(text: str, limit: int) -> None:
    """Lines are bounded and encodable, without control characters; a second call changes none."""
    once = several_lines(text, limit=limit)
    assert several_lines(once, limit=limit) == once
    assert len(once) <= limit
    assert not {unicodedata.category(char) for char in once.replace("\n", "")} & {"Cc", "Cs"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("24h", 86_400), ("30d", 2_592_000), (" 1h ", 3_600)],
)
def test_a_duration_is_a_whole_number_and_a_unit(text: str, seconds: int) -> None:
    """`90s`, `15m`, `24h` and `30d` are durations."""
    assert parse_duration(text) == timedelta(seconds=seconds)


def test_no_time_is_refused() -> None:
    """It isn't the form that is wrong."""
    with pytest.raises(ValueError, match="'0h' lasts no time: write a number from 1"):
        parse_duration("0h")


@pytest.mark.parametrize(
    "text", ["", "24", "h", "-1h", "1.5h", "1 h", "1w", "24H", "1h30m", "9999999d", "२h"]
)
def test_anything_else_is_refused_with_the_form(text: str) -> None:
    """The message names the value and the allowed form."""
    with pytest.raises(ValueError, match="is not a duration: write a whole number") as caught:
        parse_duration(text)
    assert repr(text) in str(caught.value)
    assert "'24h'" in str(caught.value)


def test_a_duration_is_text() -> None:
    """A bare number has no unit, so it is refused like any other bad value."""
    with pytest.raises(ValueError, match="24 is not a duration"):
        parse_duration(24)  # type: ignore[arg-type]


@given(st.integers(1, 999_999), st.sampled_from("smhd"))
def test_the_shortest_form_means_the_same(number: int, unit: str) -> None:
    """`format_duration` is the inverse of `parse_duration`."""
    span = parse_duration(f"{number}{unit}")
    assert parse_duration(format_duration(span)) == span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3_600, "60 min"), (7_199, "119 min"),
     (7_200, "2 h"), (86_400, "24 h"), (172_799, "47 h"), (172_800, "2 d"), (10**7, "115 d")],
)  # fmt: skip
def test_an_age_is_rounded_down(seconds: float, text: str) -> None:
    """An age never says more than has passed."""
    assert format_age(timedelta(seconds=seconds)) == text
