"""The pure core: verdicts, stages, observations and what follows from them.

Nothing below this package reads a file, the clock or the environment, and nothing imports pytest.
"""
