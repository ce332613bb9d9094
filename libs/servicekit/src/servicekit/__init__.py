"""What every service runs on: receiving, transactions with an outbox, commands, jobs, health."""

from servicekit.clock import HouseClock
from servicekit.commanding import CommandClient
from servicekit.database import Database
from servicekit.errors import BrokerAwayError, CommandNotSent, CommandUnanswered, Refused
from servicekit.messages import Actor, Heard, Obeyed
from servicekit.publisher import Publisher
from servicekit.router import Router
from servicekit.service import Service, run
from servicekit.settings import ServiceSettings
from servicekit.work import Work

__all__ = [
    "Actor",
    "BrokerAwayError",
    "CommandClient",
    "CommandNotSent",
    "CommandUnanswered",
    "Database",
    "Heard",
    "HouseClock",
    "Obeyed",
    "Publisher",
    "Refused",
    "Router",
    "Service",
    "ServiceSettings",
    "Work",
    "run",
]
