"""A server that speaks the Bot API on this machine and shows every chat on a page; for the demo and tests only."""
