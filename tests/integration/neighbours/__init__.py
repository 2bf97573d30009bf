"""The plugin beside others: small projects that use each neighbour for real."""
