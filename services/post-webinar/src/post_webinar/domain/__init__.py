"""What is decided in pure code: who is due which message and when, its words, and how fast messages may go."""
