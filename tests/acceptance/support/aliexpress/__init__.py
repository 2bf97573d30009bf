"""AliExpress, the store's supplier: the client, its protocol, orders and quotes."""
