"""The compatibility matrix: test suites on each Python, each pytest and beside other plugins."""
