"""Takes the private key for signatures out of the environment.

A file of its own, since every run looks for the key, and importing `signing` with it would cost
each of them; `prodstatus sign` takes the key as well.
"""

from __future__ import annotations

from collections.abc import MutableMapping

VARIABLE = "PRODSTATUS_SIGN_KEY"
"""The variable with the private key, or its URI."""


def take_key(environ: MutableMapping[str, str]) -> str | None:
    """Remove the private key, or its URI, from `environ` and return it; None if there is none.

    From then on no conftest, test or process that a test starts can read it there.
    """
    # A GitHub workflow that passes on a secret which isn't set sets the variable to "".
    return environ.pop(VARIABLE, "").strip() or None
