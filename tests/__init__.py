"""The tests of the plugin, and the store's acceptance suite."""

import os

# Many tests start processes. With this variable set, each of them would compile the plugin again:
# 140 ms of CPU, three times what importing the compiled modules takes.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
