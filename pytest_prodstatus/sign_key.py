"""Takes the private key for signatures out of the environment.

A file of its own, since each process of a run that may sign takes the key away, and importing
`signing` for that would cost each of them; `prodstatus sign` takes the key as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping

VARIABLE = "PRODSTATUS_SIGN_KEY"
"""The variable with the private key, or its URI."""


def take_key(environ: MutableMapping[str, str]) -> str | None:
    """Remove the private key, or its URI, from `environ` and return it; None if there is none.

    From then on no conftest, test or process that a test starts can read it there.
    """
    # A GitHub workflow that passes on a secret which isn't set sets the variable to "".
    return environ.pop(VARIABLE, "").strip() or None


def pem_in(value: str) -> str | None:
    """Return the PEM that a value is, with real line ends; None if it is none.

    CI systems hand out a secret in quotes, or with each line end as a backslash and an n.
    """
    text = value.strip().strip("\"'").strip()
    if not text.startswith("-----BEGIN"):
        return None
    return re.sub(r"\\r\\n|\\n|\r\n", "\n", text).strip() + "\n"


def secrets_in(value: str) -> Iterator[str]:
    """Yield what must be redacted if a value is, or was meant to be, a private key."""
    yield value
    yield from re.split(r"(?:\\[rn]|[\r\n])+", value)
