"""The rooms as this instance holds them in memory: state, streams, presence."""
