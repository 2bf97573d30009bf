"""PayPal, through which the store pays out: the client, and what a payout is."""
