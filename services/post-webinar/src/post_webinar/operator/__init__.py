"""What an operator asks of post-webinar by `webinarctl`: the ledger, one more sending, whether the bot is known."""
