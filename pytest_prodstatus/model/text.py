"""Normalize text, durations and instants to the one form that every output uses.

Text is made safe once, when it enters the model: it has no control or direction characters, it is
bounded, and it is on one line or several. Durations are written as `30d`, `24h`, `15m` or `90s`.
Instants are aware, in UTC, to the millisecond, so that writing and reading doesn't change them.

`walked` visits nested values (reports, warnings, records, manifests) and replaces parts of them.
The types of a Struct's fields say which of them may contain text; an `Identity` is left unchanged.
"""

from __future__ import annotations

import codecs
import operator
import re
import reprlib
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, timezone
from traceback import format_exception
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeGuard, TypeVar

from msgspec import Meta, Struct, inspect
from msgspec.structs import force_setattr, replace

NAME_LIMIT = 100
"""How many characters of a value's name are kept."""

IDENTITY = {"identity": True}
Identity: TypeAlias = Annotated[str, Meta(extra=IDENTITY)]
"""A text that identifies something. It is never redacted; no output of a test may go there."""

# Bidirectional controls reorder what a reader sees without changing the text (CVE-2021-42574).
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# Letters and symbols that look like a space: Hangul's fillers and an empty Braille cell.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def is_visible(value: object) -> TypeGuard[str]:
    """Return whether a value is a text of which `one_line` leaves something to read.

    White space and characters of no width show nothing. Control characters become an escape.
    """
    return isinstance(value, str) and any(
        not char.isspace() and char not in _BLANK and unicodedata.category(char) != "Cf"
        for char in value
    )


def one_line(text: str, *, limit: int = 600) -> str:
    r"""Put `text` on one line that is harmless to a terminal, a page and a JSON parser.

    Each run of white space (with line ends) becomes one space; control and direction characters
    and lone surrogates become a visible escape such as `\x1b`. The line has at most `limit`
    characters; if it was cut, it ends with the text's length. A second call changes nothing.
    """
    # The shortcut for most texts: among printable characters, the only white space is the space.
    is_plain = len(text) <= limit and text.isprintable()
    if is_plain and "  " not in text and text[:1] != " " and text[-1:] != " ":
        return text
    # Cut before cleaning, which is slow; the factor leaves room for runs of white space.
    cleaned = " ".join(_escape(text[: 4 * limit]).split())
    if len(cleaned) > limit or len(text) > 4 * limit:
        note = f"… (cut from {len(text):,} characters)"
        return cleaned[: max(0, limit - len(note))] + note
    return cleaned


def several_lines(text: str, *, limit: int = 8_000) -> str:
    """Make `text` as harmless as `one_line` does, but keep its lines and their indentation.

    If the text has more than `limit` characters, its end is kept, because a traceback ends with the
    error; the first line then states the text's length. A second call changes nothing.
    """
    # Cut before cleaning, as in `one_line`.
    kept = text[-limit:]
    # Tabs are expanded first: as control characters they would become one space each, and the
    # indentation of a traceback would be lost.
    lines = (_escape(line).rstrip() for line in kept.expandtabs(4).splitlines())
    cleaned = "\n".join(lines).strip("\n")
    if len(text) <= limit and len(cleaned) <= limit:
        return cleaned
    note = f"… (cut from {len(text):,} characters)\n"
    # Again, because escapes and expanded tabs make a text longer.
    return note + cleaned[-(limit - len(note)) :]


def cut(text: str, limit: int) -> str:
    """Return the beginning of a text that has at most `limit` bytes in UTF-8, in whole characters.

    A text that was cut ends with an ellipsis.
    """
    encoded = utf8(text).encode()
    if len(encoded) <= limit:
        return encoded.decode()
    end = "…\n"
    return encoded[: limit - len(end.encode())].decode(errors="ignore") + end


_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, with which it begins
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def encoding_of(content: bytes) -> tuple[bytes, str]:
    """Return a text's byte-order mark and its encoding: UTF-8 if it has no mark."""
    return next(((mark, name) for mark, name in _MARKS if content.startswith(mark)), (b"", "utf-8"))


def utf8(text: str) -> str:
    """Replace lone surrogates, which UTF-8 can't encode, by visible escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


_WORKFLOW_COMMAND = re.compile(
    r"((?:^|\r)[^\S\r\n]*:)(?=:)|(##)(?=(?:vso)?\[)", re.MULTILINE | re.IGNORECASE
)


def without_workflow_commands(text: str) -> str:
    """Put a blank into everything in a text that a CI system's runner would obey as a command.

    It reads commands from all that a step prints. GitHub's: from a line that begins with `::`, also
    after blanks, and from `##[` anywhere in a line (actions/runner, ActionCommand.cs). Azure's:
    from `##vso[` anywhere in a line (microsoft/azure-pipelines-agent, Command.cs).
    """
    return _WORKFLOW_COMMAND.sub(lambda found: f"{found[0]} ", text)


def obeys_commands(environ: Mapping[str, str]) -> bool:
    """Return whether what this process prints is read for commands, by GitHub's or Azure's runner.

    Args:
        environ: the environment.
    """
    return environ.get("GITHUB_ACTIONS") == "true" or bool(environ.get("TF_BUILD"))


_NOT_PLAIN = re.compile(r"[^ -~\n\t]")


def visible(text: str) -> str:
    """Make a text of any length harmless to a terminal: it keeps its lines, and nothing is cut."""
    return _NOT_PLAIN.sub(lambda found: _escape_char(found[0]), text)


def _escape(text: str) -> str:
    # What is printable is in no category that is escaped, and this is a hundred times as fast.
    return text if text.isprintable() else "".join(map(_escape_char, text))


def _escape_char(char: str) -> str:
    if " " <= char <= "~":
        return char
    if char in "\t\n\r\v\f\x85\u2028\u2029":
        return " "
    # Not the format characters (Cf) as a whole: emoji and several scripts need its joiners.
    if char in _DIRECTION or unicodedata.category(char) in ("Cc", "Cs", "Cn", "Co"):
        code = ord(char)
        if code > 0xFFFF:
            return f"\\U{code:08x}"
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    return char


# Six digits, because an instant plus 999,999 days is still within datetime's 9,999 years.
_DURATION = re.compile(r"([0-9]{1,6})(ms|[smhd])")
DURATION_FORM = "write a whole number and s, m, h or d, as in '24h'"
_UNIT = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: str, *, ms: bool = False) -> timedelta:
    """Parse a duration such as `24h`.

    Args:
        text: a positive whole number followed by s, m, h or d.
        ms: milliseconds are allowed as well, as in `50ms`.

    Raises:
        ValueError: the text isn't a duration.
    """
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if match and match[2] == "ms" and not ms:
        match = None
    if match and int(match[1]) == 0:
        msg = f"{text!r} lasts no time: write a number from 1, as in '24h'"
        raise ValueError(msg)
    if not match:
        msg = f"{text!r} is not a duration: {DURATION_FORM}"
        raise ValueError(msg)
    return timedelta(**{_UNIT[match[2]]: int(match[1])})


_REPR = reprlib.Repr()
_REPR.maxother = _REPR.maxstring = 80


def described(value: object) -> str:
    """Return a value's repr for a message: bounded, and safe if the repr itself fails."""
    try:
        return _REPR.repr(value)
    except BaseException:  # noqa: BLE001  as in `text_of`; and up to Python 3.13 a huge int's
        return f"a {type_name(value)} without a repr"


def text_of(value: object) -> str:
    """Return the text of an object of someone else's; "" if its `__str__` raises anything.

    It is a plain text: a subclass, such as an enum of texts, may have code of its own as well.
    """
    try:
        return str.__str__(value if isinstance(value, str) else str(value))
    except BaseException:  # noqa: BLE001  what it raises says nothing of the run
        return ""


def type_name(value: object) -> str:
    """Return the name of an object's class, also if that has a `__name__` of its own."""
    name: str = type.__dict__["__name__"].__get__(type(value))
    return name


def traceback_of(error: BaseException) -> str:
    """Return an exception's traceback; its type and text if its own code fails."""
    try:
        return "".join(format_exception(error))
    except BaseException:  # noqa: BLE001  as in `text_of`
        return f"{type_name(error)}: {text_of(error)}\n"


def is_aware(value: object) -> TypeGuard[datetime]:
    """Return whether a value is a datetime with a time zone, of the years 1 to 9999 in UTC."""
    try:
        return isinstance(value, datetime) and instant(value) is not None
    except Exception:  # noqa: BLE001  ValueError, or the time zone's own code raised
        return False


def format_age(span: timedelta) -> str:
    """Format a span as a short age, rounded down: `45 s`, `12 min`, `5 h`, `3 d`."""
    seconds = max(0, int(span.total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        # From two units on: rounded down, `1 d` could be 47 hours. For minutes one is exact enough.
        if seconds >= 2 * size or (seconds >= size and unit == "min"):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def format_duration(span: timedelta) -> str:
    """Format a duration in its shortest exact form, which `parse_duration` reads."""
    seconds = int(span.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def format_span(span: timedelta) -> str:
    """Format a span exactly, in all its units: `2 d 3 h`, `4 min 12 s`, `0.25 s`, `-1 h`."""
    whole = abs(span)
    hours, seconds = divmod(whole.seconds, 3_600)
    minutes, seconds = divmod(seconds, 60)
    fraction = f".{whole.microseconds:06}".rstrip("0") if whole.microseconds else ""
    units = ((whole.days, "d"), (hours, "h"), (minutes, "min"))
    parts = [f"{number} {unit}" for number, unit in units if number]
    if seconds or fraction or not parts:
        parts.append(f"{seconds}{fraction} s")
    return ("-" if span < timedelta() else "") + " ".join(parts)


def plain(kind: type[date]) -> type[date]:
    """Return `date` or `datetime` itself, for what may be a class that freezegun put in its place.

    msgspec doesn't know that class. A name of a module may become it at any time, but not what a
    tuple holds.
    """
    return next(each for each in kind.__mro__ if each.__module__ == "datetime")


_PLAIN: Any = (plain(datetime),)

if TYPE_CHECKING:
    Instant: TypeAlias = Annotated[datetime, Meta(tz=True)]
    """An aware datetime; without this annotation, msgspec accepts a naive one."""
else:
    Instant = Annotated[_PLAIN[0], Meta(tz=True)]


def instant(moment: datetime) -> datetime:
    """Convert an aware datetime to UTC and cut it to the millisecond.

    A datetime that is in this form already is returned itself. A subclass's, such as
    freezegun's or pandas', becomes a plain one.

    Raises:
        ValueError: it has no time zone, or lies outside the years 1 to 9999 in UTC.
    """
    if (
        moment.tzinfo is timezone.utc
        and not moment.microsecond % 1000
        and type(moment) is _PLAIN[0]
    ):
        return moment
    if moment.utcoffset() is None:
        msg = f"the instant {moment.isoformat()!r} has no time zone; give an aware datetime"
        raise ValueError(msg)
    try:
        in_utc = moment.astimezone(timezone.utc)
    except OverflowError:
        msg = f"{moment.isoformat()!r} is not an instant of the years 1 to 9999 in UTC"
        raise ValueError(msg) from None
    cut: datetime = _PLAIN[0](
        *in_utc.timetuple()[:6], in_utc.microsecond // 1000 * 1000, timezone.utc
    )
    return cut


def utc_isoformat(moment: datetime) -> str:
    """Format an aware datetime as ISO 8601 in UTC, to the millisecond, with a final `Z`."""
    in_utc = moment if moment.tzinfo is timezone.utc else moment.astimezone(timezone.utc)
    # Date and time separately, because formatting the time zone takes longer than both.
    return f"{in_utc.date().isoformat()}T{in_utc.time().isoformat('milliseconds')}Z"


def normalize(value: Struct, *names: str) -> None:
    """Normalize fields of a new Struct in place: texts by `one_line`, datetimes by `instant`.

    Args:
        value: the Struct, within its `__post_init__`.
        names: the names of the fields; a field that is None stays None.

    Raises:
        ValueError: an instant has no time zone, or lies outside the years 1 to 9999 in UTC.
    """
    for name in names:
        value_before = getattr(value, name)
        if value_before is not None:
            value_after = (
                one_line(value_before) if isinstance(value_before, str) else instant(value_before)
            )
            if value_after is not value_before:
                force_setattr(value, name, value_after)


S = TypeVar("S", bound=Struct)
Visit = Callable[[Any], Any]
"""Returns the replacement of a value, the value itself, or `INTO` to walk into it."""

INTO: Any = object()
_COLLECTIONS: tuple[type[Any], ...] = (list, tuple, set, frozenset)
_Texts: TypeAlias = tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]
_TEXTS: dict[type[Struct], _Texts] = {}
"""What `_texts_of` has found so far."""


def walked(value: Any, visit: Visit, *, builtin: bool = False) -> Any:
    """Visit a value and everything in it; return the same object if nothing was replaced.

    Args:
        value: a Struct, a mapping or collection, or any other value.
        visit: decides about each value, and about each key that is text.
        builtin: convert subclasses of the builtin collections to these, and visit every key.
    """
    visited_value = visit(value)
    if visited_value is not INTO:
        return visited_value
    if isinstance(value, Struct):
        names, values_of = _texts_of(type(value))
        before = values_of(value)
        # An empty value has no text to visit.
        after = tuple(walked(item, visit, builtin=builtin) if item else item for item in before)
        if all(map(operator.is_, before, after)):
            return value
        return replace(value, **dict(zip(names, after, strict=True)))
    if isinstance(value, Mapping):
        made = {
            _key(key, visit, builtin=builtin): walked(item, visit, builtin=builtin)
            for key, item in value.items()
        }
        same = _all_identical([*value, *value.values()], [*made, *made.values()])
        return value if same and (not builtin or type(value) is dict) else made
    items = [walked(item, visit, builtin=builtin) for item in value]
    if (not builtin or type(value) in _COLLECTIONS) and _all_identical(list(value), items):
        return value
    # A named tuple takes its items one by one, all other collections take an iterable.
    if not builtin and isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*items)
    # The builtin type: the constructor of a subclass may take other arguments.
    return next(kind for kind in _COLLECTIONS if isinstance(value, kind))(items)


def _key(key: Any, visit: Visit, *, builtin: bool) -> Any:
    # Other keys, such as numbers and enums, contain no text.
    visited = builtin or isinstance(key, (str, bytes))
    return walked(key, visit, builtin=builtin) if visited else key


def printable(value: S) -> S:
    """Escape every lone surrogate, which UTF-8 can't encode, in the texts of a Struct."""

    def visit(part: Any) -> Any:
        return utf8(part) if isinstance(part, str) else _walk_collections(part)

    made: S = walked(value, visit)
    return made


def redact_record(value: S, redact: Callable[[str], str]) -> S:
    """Redact the texts of a Struct; return the same object if none contained a secret."""

    def visit(part: Any) -> Any:
        if isinstance(part, str):
            clean = redact(part)
            # Return the old object, since `walked` finds out by identity whether anything was
            # replaced.
            return part if clean == part else clean
        if isinstance(part, tuple) and len(part) > 1 and isinstance(part[0], Struct):
            return part if _is_clean(part, redact) else INTO
        return _walk_collections(part)

    made: S = walked(value, visit)
    return made


def _is_clean(parts: tuple[Any, ...], redact: Callable[[str], str]) -> bool:
    """Return whether no text in `parts` contains a secret, by one search of all texts at once.

    The texts are joined by line ends. If a secret seems to span two of them, the result is wrongly
    False. This only costs time, because the parts are then searched one by one.
    """
    texts: list[str] = []
    for part in parts:
        _collect_texts(part, texts)
    joined = "\n".join(texts)
    return redact(joined) == joined


def _collect_texts(value: Any, texts: list[str]) -> None:
    """Append every text in `value` to `texts`; `walked` would take three times as long."""
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, Struct):
        for item in _texts_of(type(value))[1](value):
            if item:
                _collect_texts(item, texts)
    elif isinstance(value, Mapping):
        texts += value
        for item in value.values():
            _collect_texts(item, texts)
    elif isinstance(value, _COLLECTIONS):
        for item in value:
            _collect_texts(item, texts)


def _walk_collections(part: Any) -> Any:
    return INTO if isinstance(part, (Struct, Mapping, *_COLLECTIONS)) else part


def _all_identical(before: list[Any], after: list[Any]) -> bool:
    return len(before) == len(after) and all(map(operator.is_, before, after))


def _texts_of(kind: type[Struct]) -> _Texts:
    """Return the names of a Struct's fields that may contain text, and a getter of their values."""
    if kind not in _TEXTS:
        info = inspect.type_info(kind)
        assert isinstance(info, inspect.StructType)  # noqa: S101  true of every Struct
        _learn(info)
    return _TEXTS[kind]


def _learn(info: inspect.StructType) -> None:
    """Add a Struct and all that it contains to `_TEXTS`; `type_info` costs a millisecond."""
    names = tuple(field.name for field in info.fields if _holds_text(field.type, info.cls))
    if len(names) < 2:  # for a single name, attrgetter returns no tuple
        _TEXTS[info.cls] = names, lambda value: tuple(getattr(value, name) for name in names)
    else:
        _TEXTS[info.cls] = names, operator.attrgetter(*names)


def _holds_text(kind: inspect.Type, outer: type[Struct]) -> bool:
    match kind:
        case inspect.StrType():
            return True
        case inspect.Metadata():
            return kind.extra != IDENTITY and _holds_text(kind.type, outer)
        case inspect.StructType():
            # A Struct that contains itself, as `Record.previous` does, is taken to have text: its
            # own fields are still being looked at.
            if kind.cls is not outer and kind.cls not in _TEXTS:
                _learn(kind)
            return kind.cls is outer or bool(_TEXTS[kind.cls][0])
        case inspect.DictType():
            return _holds_text(kind.key_type, outer) or _holds_text(kind.value_type, outer)
        case inspect.UnionType():
            return any(_holds_text(option, outer) for option in kind.types)
        case (
            inspect.VarTupleType()
            | inspect.ListType()
            | inspect.FrozenSetType()
            | inspect.SetType()
        ):
            return _holds_text(kind.item_type, outer)
        # Numbers, instants, enums: the text of an enum's member is ours.
        case _:
            return False
