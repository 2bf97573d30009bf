"""The command `prodstatus`: reads records and asks the state store; it never runs a test."""
