"""The plugin in the reports of other tools, each imported only if that tool is in use."""
