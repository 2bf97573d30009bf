"""The HTML page: each part makes a piece of HTML or SVG from the record, with all text escaped."""
