"""The bot: it sends what is due in the ledger and listens to the people who link their chats."""
