"""A secret shows itself only by name, and no message repeats one."""

from __future__ import annotations

import json
import pickle

import pytest

from tests.acceptance.support.secrets import Private, Secret, announced_to, scrubbed

PLANTED = "planted-value-1234"


def test_no_way_of_showing_a_secret_tells_its_text_or_length() -> None:
    """repr, str and format give one constant for every secret."""
    for value in (PLANTED, "x", ""):
        secret = Secret(value)
        assert repr(secret) == "Secret('********')"
        assert str(secret) == f"{secret}" == f"{secret:s}" == "********"
    assert PLANTED not in f"{[Secret(PLANTED)]} {(Secret(PLANTED),)!r}"


def test_a_secret_is_no_text() -> None:
    """It can't be joined, serialised or mistaken for a str."""
    assert not isinstance(Secret(PLANTED), str)
    with pytest.raises(TypeError):
        json.dumps({"token": Secret(PLANTED)})
    assert Secret(PLANTED) != PLANTED


def test_secrets_are_equal_and_hashable_by_value() -> None:
    """Two secrets with one text are one key of a set; the text comes back only by reveal()."""
    assert Secret(PLANTED) == Secret(PLANTED) != Secret("other")
    assert len({Secret(PLANTED), Secret(PLANTED), Secret("other")}) == 2
    assert Secret(PLANTED).reveal() == PLANTED
    assert Secret("\udcff") == Secret("\udcff") != Secret("\udcfe")  # bytes that are no text
    assert bool(Secret(PLANTED))
    assert not Secret("")


def test_a_secret_survives_the_way_to_another_process() -> None:
    """Pickling keeps the value and the mask."""
    copy = pickle.loads(pickle.dumps(Secret(PLANTED)))
    assert copy == Secret(PLANTED)
    assert PLANTED not in repr(copy)


def test_the_listener_gets_every_secret() -> None:
    """Inside the block the listener gets each new secret's text; before and after it none."""
    heard: list[str] = []
    Secret("before-it-began")
    with announced_to(heard.append):
        Secret(PLANTED)
        assert heard == [PLANTED]
    Secret("after-it-ended")
    assert heard == [PLANTED]


def test_a_providers_words_are_one_bounded_line_without_secrets() -> None:
    """Secrets are masked plain and URL-encoded, before the line is cut."""
    words = "token a/b\nis\x1b[31m bad: a%2Fb " + "x" * 500
    line = scrubbed(words, (Secret("a/b"), Secret("")))
    assert line.startswith("token ******** is [31m bad: ******** xxx")
    assert len(line) == 300


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("9 Elm", "to 9 Elm, or 9 ELM, 9  elm, 9\tElm, 9%20Elm, 9+Elm"),
        ("CA", "in CA, (CA) or CA"),
        ("9 E", "9 E, 9 e or 9\u00a0E"),
        ("Elm", "Elm, ELM and elm"),
        ("Li", "LI or li"),
        ("+1", "+1 or (+1)"),
        ("5550100000", "15550100000 or +15550100000"),
        ("12345", "zip 12345 and 12345."),
        ("Zoë Ng", "ZOË NG or Zo%C3%AB%20Ng"),
        ("Zoë Ng", r"Zo\u00eb Ng, Zo\u00EB NG or Zo&#235; Ng"),
        (
            "O'Elm & Ng",
            "O'Elm &amp; Ng, O&#x27;Elm &amp; Ng, O&#39;elm &amp; ng, O&apos;Elm &amp; Ng",
        ),
        ('9 "A/B" Elm', r"9 \"A/B\" Elm, 9 \"A\/B\" Elm or 9 &quot;A/B&quot; Elm"),
    ],
)
def test_data_of_a_person_is_masked_whatever_its_length(value: str, text: str) -> None:
    """In any case, also quoted; the repr shows none of it."""
    private = Private([value, ""])
    masked = private.mask(text).replace("********", "").lower()
    assert value.lower() not in masked
    assert not {"elm", "zo", "ng", "5550", "12345"} & set(masked.replace("%", " ").split())
    assert repr(private) == "<Private of 1>"


def test_a_short_value_is_no_part_of_a_word() -> None:
    """Or no message could be read any more."""
    text = "CANCELLED, order 8198123459, a cat in AMERICA, 11+12"
    assert Private(["CA", "12345", "+1", "1", "IN"]).mask(text) == text
