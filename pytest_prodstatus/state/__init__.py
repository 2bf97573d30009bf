"""The journal of real orders: what was planned, sent and answered, kept past every process."""
