"""A deadline on this side: a connection that brings no answer in time is cut.

The server keeps statement_timeout and lock_timeout. If a proxy stops forwarding, neither reaches
us: libpq waits for ever, and keepalives don't notice, since the proxy answers them. So a thread
shuts the socket down, and the wait for it ends with an error. Connecting has no socket yet that
could be shut down: a thread does it, which is left alone at the end.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

from pytest_prodstatus import blocked

if TYPE_CHECKING:
    import psycopg


class Deadline:
    """The end of everything that one transaction may take, with connecting; a context manager.

    Args:
        budget: how long it may take, from entering the block on.
        place: host and port, for messages.
    """

    def __init__(self, budget: timedelta, place: str) -> None:
        self._budget = budget
        self._place = place
        self._end = time.monotonic() + budget.total_seconds()
        self._watched: list[psycopg.Connection] = []
        self._timer = threading.Timer(budget.total_seconds(), self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        self._watched.clear()

    @property
    def left(self) -> timedelta:
        """How much of the budget is left; never negative."""
        return timedelta(seconds=max(0.0, self._end - time.monotonic()))

    @property
    def over(self) -> bool:
        """Whether the budget is spent."""
        return not self.left

    def connected(self, connect: Callable[[], psycopg.Connection]) -> psycopg.Connection:
        """Return a new connection, which is watched from now on.

        libpq's own limit holds for each address of each host, is two seconds at least, and doesn't
        hold for the look-up of a name. One that is made too late is closed.

        Raises:
            Blocked: there is none in time.
        """
        done: Future[psycopg.Connection] = Future()

        def make() -> None:
            try:
                connection = connect()
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is read
                with contextlib.suppress(InvalidStateError):
                    done.set_exception(error)
                return
            try:
                done.set_result(connection)
            except InvalidStateError:
                connection.close()

        if self.over:
            self.end()
        threading.Thread(target=make, daemon=True).start()
        try:
            connection = done.result(self.left.total_seconds())
        except FutureTimeout:
            if done.cancel():
                self.end()
            connection = done.result()  # it came at the last moment
        self.watch(connection)
        return connection

    def watch(self, connection: psycopg.Connection) -> None:
        """Cut this connection at the end, too; at once, if that is over."""
        self._watched.append(connection)
        if self.over:
            self._cut()

    def end(self) -> NoReturn:
        """End as BLOCKED, because the budget is spent."""
        blocked(
            f"the database at {self._place} did not answer within "
            f"{self._budget.total_seconds():g} s, all questions together",
            kind="timeout",
            remedy="look at the server and at what is between, or raise PRODSTATUS_SNAPSHOT_BUDGET",
        )

    def _cut(self) -> None:
        for connection in self._watched:
            # A copy of the descriptor, which the driver may close at any moment.
            with (
                contextlib.suppress(Exception),
                socket.socket(fileno=os.dup(connection.fileno())) as copy,
            ):
                copy.shutdown(socket.SHUT_RDWR)
