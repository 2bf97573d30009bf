"""`prodstatus serve`: the gate over HTTP. Needs the extra `serve`; nothing else imports this."""
