"""The language that the services share."""
