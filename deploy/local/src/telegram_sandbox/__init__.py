"""A small server that speaks the Bot API on this machine and shows every chat."""
