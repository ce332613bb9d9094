"""Every page in every state, and what is measured on it."""
