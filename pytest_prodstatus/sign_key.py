"""The private key in the environment.

A file of its own, since both a run and `prodstatus sign` take the key, and neither may import what
the other needs: every run looks for it, and signatures cost an import.
"""

from __future__ import annotations

from collections.abc import MutableMapping

VARIABLE = "PRODSTATUS_SIGN_KEY"
"""The variable with the private key, or its URI."""


def take_key(environ: MutableMapping[str, str]) -> str | None:
    """Take the private key out of this process's environment; None if there is none.

    From then on no conftest, test or process that a test starts can read it there.
    """
    return environ.pop(VARIABLE, "").strip() or None
