"""The release before and this one, as programs at work on the same databases: `python -m upgrade <commit>`."""
