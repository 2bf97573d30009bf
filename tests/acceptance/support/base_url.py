"""The base address of a provider: what it may look like, and whether it is this machine's."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def problem_of(base_url: str) -> str | None:
    """Return what is wrong with the address, None if nothing is.

    It never repeats the address, which may hold a password.
    """
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        return "the base address isn't a URL"
    if parts.scheme not in ("http", "https") or not host:
        return "the base address must be https://host"
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        return "the base address must not hold a user name, a password or a query"
    if parts.scheme == "http" and not is_this_machine(base_url):
        return f"http to {host!r} would send credentials in the clear: use https"
    return None


def is_this_machine(base_url: str) -> bool:
    """Return whether the address is of this machine."""
    host = urlsplit(base_url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
