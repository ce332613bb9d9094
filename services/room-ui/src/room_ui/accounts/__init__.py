"""Accounts, sessions, signing in."""
