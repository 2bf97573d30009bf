"""The command `prodstatus`: it reads records and the state store; it never runs a test."""
