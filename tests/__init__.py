"""The tests of the plugin, and the store's acceptance suite."""
