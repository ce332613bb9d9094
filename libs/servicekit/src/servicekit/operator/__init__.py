"""What an operator asks of a running system, and does to it: the commands of `webinarctl`."""
