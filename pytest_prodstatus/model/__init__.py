"""The pure core: verdicts, stages, observations and what follows from them.

No module of this package reads a file, the clock or the environment, and none imports pytest.
"""
