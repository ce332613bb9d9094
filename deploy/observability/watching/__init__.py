"""What there is to watch, read from the files that say so, for the tests."""
