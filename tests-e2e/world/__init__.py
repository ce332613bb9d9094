"""The running system as the stories meet it: people with browsers, the desk, the wire, the ledgers, Telegram."""
