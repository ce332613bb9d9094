"""Webinars while faults strike, and the accounts afterwards: `make chaos`."""
