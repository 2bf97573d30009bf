"""AliExpress, where the store buys: the client, its protocol, orders and quotes."""
