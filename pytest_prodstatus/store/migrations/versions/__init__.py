"""The revisions, in one chain; one that was released is never edited."""
