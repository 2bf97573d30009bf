"""What was notified last: the value of each topic of a target, so that no fact is sent twice.

A value is kept before it is sent. So a process that is killed between the two loses a notification,
and two processes at once send it once. The fifth revision in `migrations` makes the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from pytest_prodstatus.store import NOTICES
from pytest_prodstatus.store.statements import ProjectPart, insert_into

_KNOWN = (
    "SELECT topic, value FROM prodstatus_notified WHERE project = :project AND target = :target"
)
_DELETE = (
    "DELETE FROM prodstatus_notified "
    "WHERE project = :project AND target = :target AND topic = :topic"
)


@final
class NoticeStore(ProjectPart):
    """One project's notices."""

    __slots__ = ()
    part = NOTICES

    def claim(self, target: str, values: Mapping[str, str]) -> dict[str, str | None]:
        """Save the present value of each topic of a target, and return the topics that changed.

        Args:
            target: the system.
            values: the present value of each topic; a topic that isn't there keeps its last one.

        Returns:
            The former value of each topic whose value changed; None if the topic is new.
        """
        with self._store.writing() as statements:
            statements.take_turns(self._project, target)
            scope = {"project": self._project, "target": target}
            # Read and written in one turn, so that of two processes one finds nothing new.
            known = {row["topic"]: row["value"] for row in statements.rows(_KNOWN, **scope)}
            news = {
                topic: known.get(topic)
                for topic, value in values.items()
                if known.get(topic) != value
            }
            rows = [{**scope, "topic": topic, "value": values[topic]} for topic in news]
            if rows:
                deleted = ({**scope, "topic": topic} for topic in news if topic in known)
                if any(topic in known for topic in news):
                    statements.change(_DELETE, *deleted)
                statements.change(insert_into("prodstatus_notified", rows[0]), *rows)
        return news
