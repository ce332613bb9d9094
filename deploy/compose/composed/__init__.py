"""docker-compose.yml as an operator runs it, with people who use what it runs. Needs a Docker engine."""
