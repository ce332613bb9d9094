"""`python -m chaos.inside <service>`: a service as it is, but received through disorder, and ready to die on order.

Settings beside the service's own: CHAOS_ORDERS (a folder), CHAOS_SEED, CHAOS_WALL_SECONDS (how far this host's wall
clock is off), CHAOS_SABOTAGE (which protection is removed; none).
"""

import os
import random
import sys
import time
from importlib import import_module
from pathlib import Path

from servicekit import run
from servicekit.receiving import Handling

from chaos.disorder import Disorder, let_stumble
from chaos.orders import obey_orders
from chaos.sabotage import Sabotage, sabotage

SETTINGS = {
    "core-webinar": "CoreWebinarSettings",
    "room-ui": "RoomUiSettings",
    "tracker": "TrackerSettings",
    "attendance": "AttendanceSettings",
    "post-webinar": "PostWebinarSettings",
}


def main(service_name: str) -> None:
    """Run the service until it is stopped, or dies."""
    package = service_name.replace("-", "_")
    _set_wall_clock(float(os.environ.get("CHAOS_WALL_SECONDS", "0")))
    settings = getattr(import_module(f"{package}.settings"), SETTINGS[service_name])()
    dice = random.Random(f"{os.environ.get('CHAOS_SEED', '')} {settings.instance_id} {time.time_ns()}")
    let_stumble(import_module(f"{package}.handlers").router)
    service = import_module(f"{package}.main").create_service(settings)
    removed = os.environ.get("CHAOS_SABOTAGE")
    wrap = sabotage(Sabotage(removed), service) if removed else _as_it_is

    def receive_through(handling: Handling) -> Handling:
        return wrap(Disorder(handling, dice))

    service.receive_through = receive_through
    obey_orders(Path(os.environ["CHAOS_ORDERS"]), service_name)
    run(service)


def _as_it_is(handling: Handling) -> Handling:
    return handling


def _set_wall_clock(seconds: float) -> None:
    """Let this process believe that it is later, or earlier, as on a host whose clock is wrong."""
    if seconds:
        right, right_ns = time.time, time.time_ns
        time.time = lambda: right() + seconds
        time.time_ns = lambda: right_ns() + int(seconds * 1_000_000_000)


if __name__ == "__main__":
    main(sys.argv[1])
