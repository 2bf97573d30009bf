"""The cost of the plugin in a run of pytest, compared with pytest alone and other reporters."""
