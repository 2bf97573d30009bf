"""The matrix: what is tried on which Python, on which pytest and beside whom."""
