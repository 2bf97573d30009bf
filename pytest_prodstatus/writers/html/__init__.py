"""The parts of the page, each from the record to a piece of HTML or SVG with all text escaped."""
