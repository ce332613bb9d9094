"""A healthy run as Prometheus sees it, and what makes each alert fire or keeps it silent at the edge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from contracts.topology import THE_FIVE

INTERVAL_SECONDS = 15
LONG = "{long}"
"""So many samples that a series lasts as long as the run; see `lasting`."""


def lasting(series: str, minutes: int) -> str:
    """Return a series that lasts for a run of so many minutes."""
    return series.replace(LONG, str((minutes + 1) * 60 // INTERVAL_SECONDS))


def steady(value: float) -> str:
    """Return a series that stays."""
    return f"{value}+0x{LONG}"


def growing(each: float, *, start: float = 0) -> str:
    """Return a series that grows by so much with each sample."""
    return f"{start}+{each}x{LONG}"


def happened(times: int, *, at: int = 4) -> str:
    """Return a counter that counts a few, one after the other, from the given minute on."""
    quiet = at * 60 // INTERVAL_SECONDS
    return f"0+0x{quiet} 1+1x{times - 1} {times}+0x{LONG}"


def then(first: float, second: float, *, at: int) -> str:
    """Return a series that changes in the given minute, for good."""
    return f"{first}+0x{at * 60 // INTERVAL_SECONDS} {second}+0x{LONG}"


def passing(usual: float, other: float, *, at: float, samples: int) -> str:
    """Return a series that differs for some samples from the given minute on."""
    return f"{usual}+0x{int(at * 60 // INTERVAL_SECONDS)} {other}+0x{samples - 1} {usual}+0x{LONG}"


def _of(service: str) -> str:
    return f'service="{service}",instance="{service}:8081",job="webinars"'


def up(service: str) -> str:
    return f"up{{{_of(service)}}}"


def ready(service: str, check: str) -> str:
    return f'webinars_ready{{check="{check}",{_of(service)}}}'


def started(service: str) -> str:
    return f"process_start_time_seconds{{{_of(service)}}}"


def of(metric: str, service: str, /, **labels: str) -> str:
    """Return a series of a service."""
    own = "".join(f'{label}="{value}",' for label, value in labels.items())
    return f"{metric}{{{own}{_of(service)}}}"


RABBITMQ = 'job="rabbitmq",service="rabbitmq",instance="rabbitmq:15692"'
QUEUE = "attendance.webinar_completed"
CRITICAL = "webinars_critical_time_seconds_bucket"
HTTP = "http_server_request_duration_seconds_count"
SENT, ANSWERED = "webinars_commands_sent_total", "webinars_commands_total"
TELEGRAM = "post_webinar_telegram_requests_total"
PRESENCE = of("webinars_messages_handled_total", "tracker", queue="tracker.room_presence")
PRESSES = "Presses of a button have no effect: core_webinar_set_status is not answered, fails, or is refused as forged."
TELEGRAM_FAILING = "Telegram is not reached, fails, holds us back, or lets another program listen in our place."


def consumers(queue: str) -> str:
    return f'rabbitmq_detailed_queue_consumers{{queue="{queue}",vhost="/",{RABBITMQ}}}'


def http(status_class: str) -> str:
    labels = {"http_request_method": "GET", "http_route": "/webinars/", "http_response_status_class": status_class}
    return of(HTTP, "room-ui", **labels)


def telegram(outcome: str) -> str:
    return of(TELEGRAM, "post-webinar", method="getUpdates", outcome=outcome)


def _healthy() -> dict[str, str]:
    found = {
        f"up{{{RABBITMQ}}}": steady(1),
        f"rabbitmq_alarms_memory_used_watermark{{{RABBITMQ}}}": steady(0),
        f"rabbitmq_alarms_free_disk_space_watermark{{{RABBITMQ}}}": steady(0),
        consumers(QUEUE): steady(1),
        # Another team's queue, and what waits to be tried again, are not read by us.
        consumers("crm.user_attended"): steady(0),
        consumers("webinars.delay.1"): steady(0),
        of("webinars_messages_failed_total", "attendance", queue=QUEUE): steady(0),
        **{
            of(CRITICAL, "attendance", queue=QUEUE, le=le): growing(each)
            for le, each in (("1", 9), ("30", 10), ("60", 10), ("+Inf", 10))
        },
        PRESENCE: growing(3),
        of("room_ui_open_rooms", "room-ui", status="live"): steady(1),
        of("room_ui_viewers", "room-ui"): steady(150),
        http("2xx"): growing(30),
        http("5xx"): steady(0),
        of(SENT, "room-ui", topic="core_webinar_set_status", outcome="answered"): growing(1),
        of(SENT, "room-ui", topic="core_webinar_set_status", outcome="unanswered"): steady(0),
        **{
            of(ANSWERED, "core-webinar", topic="core_webinar_set_status", outcome=outcome): steady(0)
            for outcome in ("unauthenticated", "unavailable", "expired", "unknown")
        },
        # That there is no bot is said to whoever asks for one.
        of(ANSWERED, "post-webinar", topic="chat_link_requested", outcome="unavailable"): growing(0.1),
        telegram("ok"): growing(1),
        **{telegram(outcome): steady(0) for outcome in ("no_token", "not_reached", "unknown", "too_many", "refused")},
        of("post_webinar_due_oldest_seconds", "post-webinar"): steady(20),
        of("post_webinar_uncertain", "post-webinar"): steady(0),
    }
    for service in THE_FIVE:
        found |= {
            up(service): steady(1),
            started(service): steady(1000),
            of("webinars_broker_connected", service): steady(1),
            of("webinars_outbox_oldest_seconds", service): steady(1),
            of("webinars_outbox_rows", service, state="parked"): steady(0),
            of("webinars_dead_letters", service): steady(0),
            of("webinars_job_failures_total", service, name="measure_backlog"): steady(0),
            **{ready(service, check): steady(1) for check in ("staying", "database", "topology", "relay")},
        }
    return found


HEALTHY: Mapping[str, str] = MappingProxyType(_healthy())


@dataclass(frozen=True)
class Fires:
    """A run that differs from the healthy one (None: a series that is not there), and the alert that tells of it."""

    alert: str
    changes: Mapping[str, str | None]
    summary: str
    labels: Mapping[str, str] = field(default_factory=dict)
    minute: int = 12


@dataclass(frozen=True)
class Silent:
    """A run that differs from the healthy one, by too little or for too short a time for this alert."""

    alert: str
    changes: Mapping[str, str | None]
    minute: int = 12


FIRING = (
    Fires(
        "ServiceDown",
        {up("tracker"): then(1, 0, at=4)},
        "tracker does not answer.",
        {"job": "webinars", "service": "tracker", "instance": "tracker:8081"},
    ),
    *(
        Fires(
            "ServiceDown",
            {up(service): None},
            f"{service} does not answer.",
            {"job": "webinars", "service": service},
        )
        for service in THE_FIVE
    ),
    Fires(
        "ServiceDown",
        {f"up{{{RABBITMQ}}}": None},
        "rabbitmq does not answer.",
        {"job": "rabbitmq", "service": "rabbitmq"},
    ),
    # Up again whenever it is looked at, or missed now and then.
    Fires(
        "ServiceRestarting",
        {
            started("tracker"): f"1000+0x20 1300+0x5 1390+0x5 1480+0x{LONG}",
            up("tracker"): f"1+0x20 1 0 1 1 0 1+0x{LONG}",
        },
        "tracker has started 3 times in 15 minutes.",
        {"job": "webinars", "service": "tracker", "instance": "tracker:8081"},
    ),
    Fires(
        "ServiceNotReady",
        {ready("attendance", "database"): then(1, 0, at=4)},
        "attendance runs and lacks its database.",
        {"service": "attendance", "instance": "attendance:8081", "check": "database"},
    ),
    Fires(
        "BrokerUnreachable",
        {of("webinars_broker_connected", "tracker"): then(1, 0, at=4)},
        "tracker hears nothing: it has no connection to RabbitMQ.",
        {"service": "tracker", "instance": "tracker:8081"},
    ),
    *(
        Fires(
            "BrokerAlarm",
            {f"rabbitmq_alarms_{kind}_watermark{{{RABBITMQ}}}": then(0, 1, at=4)},
            "RabbitMQ is out of memory or disk and takes no more messages.",
            {"instance": "rabbitmq:15692"},
        )
        for kind in ("memory_used", "free_disk_space")
    ),
    Fires(
        "QueueWithoutConsumer",
        {consumers(QUEUE): then(1, 0, at=4)},
        f"Nobody takes messages from {QUEUE}.",
        {"queue": QUEUE},
    ),
    Fires(
        "OutboxOld",
        {of("webinars_outbox_oldest_seconds", "tracker"): f"0+0x16 15+15x{LONG}"},
        "What tracker announces has not left it for 8m 0s.",
        {"service": "tracker"},
    ),
    Fires(
        "OutboxParked",
        {of("webinars_outbox_rows", "core-webinar", state="parked"): then(0, 2, at=4)},
        "RabbitMQ refuses 2 announcements of core-webinar, time and again.",
        {"service": "core-webinar"},
    ),
    Fires(
        "DeadLetters",
        {of("webinars_dead_letters", "attendance"): then(0, 3, at=4)},
        "attendance has 3 messages that it could not handle.",
        {"service": "attendance"},
    ),
    Fires(
        "MessagesFailing",
        {of("webinars_messages_failed_total", "attendance", queue=QUEUE): growing(1)},
        f"Handling messages of {QUEUE} failed 40 times in 10 minutes.",
        {"service": "attendance", "queue": QUEUE},
    ),
    Fires(
        "CriticalTimeHigh",
        {of(CRITICAL, "attendance", queue=QUEUE, le=le): growing(each) for le, each in (("1", 0), ("30", 0))},
        f"Messages of {QUEUE} have their effect 57s after they were said.",
        {"service": "attendance", "queue": QUEUE},
    ),
    Fires(
        "JobFailing",
        {of("webinars_job_failures_total", "tracker", name="measure_backlog"): happened(5)},
        "measure_backlog of tracker keeps failing.",
        {"service": "tracker", "name": "measure_backlog"},
    ),
    # One that runs once an hour.
    Fires(
        "JobFailing",
        {of("webinars_job_failures_total", "tracker", name="measure_backlog"): f"0+0x4 1+0x240 2+0x{LONG}"},
        "measure_backlog of tracker keeps failing.",
        {"service": "tracker", "name": "measure_backlog"},
        minute=64,
    ),
    Fires(
        "CommandsFailing",
        {of(SENT, "room-ui", topic="core_webinar_set_status", outcome="unanswered"): happened(2, at=7)},
        PRESSES,
        {"service": "room-ui", "topic": "core_webinar_set_status"},
    ),
    *(
        Fires(
            "CommandsFailing",
            {of(ANSWERED, "core-webinar", topic="core_webinar_set_status", outcome=outcome): happened(2, at=7)},
            PRESSES,
            {"service": "core-webinar", "topic": "core_webinar_set_status"},
        )
        for outcome in ("unauthenticated", "unavailable", "expired", "unknown")
    ),
    Fires(
        "PresenceNotReported",
        {PRESENCE: f"0+3x16 48+0x{LONG}"},
        "A webinar with viewers is on the air, and the tracker hears nothing of who is there.",
    ),
    Fires(
        "PresenceNotReported",
        {PRESENCE: None},
        "A webinar with viewers is on the air, and the tracker hears nothing of who is there.",
    ),
    Fires(
        "PagesFailing",
        {http("5xx"): growing(10)},
        "25% of all requests to the pages fail.",
    ),
    # Counted for the first time when many have failed.
    Fires(
        "PagesFailing",
        {http("5xx"): f"_x28 200+10x{LONG}"},
        "25% of all requests to the pages fail.",
    ),
    Fires(
        "TelegramTokenRefused",
        {telegram("no_token"): growing(0.25), telegram("ok"): steady(10)},
        "Telegram does not know the bot's token: nothing is sent.",
    ),
    *(
        Fires(
            "TelegramFailing",
            {telegram(outcome): growing(0.5), telegram("ok"): growing(0.5)},
            TELEGRAM_FAILING,
        )
        for outcome in ("not_reached", "unknown", "too_many")
    ),
    Fires("TelegramFailing", {telegram("refused"): growing(0.5)}, TELEGRAM_FAILING),
    Fires(
        "DeliveriesLate",
        {of("post_webinar_due_oldest_seconds", "post-webinar"): growing(15)},
        "Follow-up messages have been due for 12m 0s and have not gone.",
    ),
    Fires(
        "DeliveriesUncertain",
        {of("post_webinar_uncertain", "post-webinar"): then(0, 4, at=4)},
        "Nobody knows whether 4 follow-up messages arrived.",
    ),
)

SILENT = (
    # A restart.
    Silent("ServiceDown", {up("tracker"): passing(1, 0, at=11, samples=4)}),
    # A new release, and the one before again.
    Silent("ServiceRestarting", {started("tracker"): f"1000+0x16 1240+0x16 1480+0x{LONG}"}),
    Silent("ServiceNotReady", {ready("tracker", "relay"): passing(1, 0, at=10, samples=6)}, minute=11),
    Silent("BrokerUnreachable", {of("webinars_broker_connected", "tracker"): passing(1, 0, at=11, samples=4)}),
    Silent(
        "BrokerAlarm",
        {f"rabbitmq_alarms_memory_used_watermark{{{RABBITMQ}}}": passing(0, 1, at=11.5, samples=2)},
    ),
    Silent("QueueWithoutConsumer", {consumers(QUEUE): passing(1, 0, at=10, samples=8)}),
    # A crowd's outcomes, announced together.
    Silent("OutboxOld", {of("webinars_outbox_oldest_seconds", "tracker"): steady(45)}),
    # Those that found no queue are tried again after a minute.
    Silent("OutboxParked", {of("webinars_outbox_rows", "tracker", state="parked"): passing(0, 1, at=10, samples=8)}),
    Silent("DeadLetters", {of("webinars_dead_letters", "tracker"): passing(0, 1, at=11, samples=4)}),
    Silent("MessagesFailing", {of("webinars_messages_failed_total", "attendance", queue=QUEUE): happened(10, at=5)}),
    # A few that were delayed.
    Silent(
        "CriticalTimeHigh",
        {of(CRITICAL, "attendance", queue=QUEUE, le=le): growing(each) for le, each in (("1", 5), ("30", 9.5))},
    ),
    Silent("JobFailing", {of("webinars_job_failures_total", "tracker", name="measure_backlog"): happened(1)}),
    Silent(
        "CommandsFailing",
        {
            of(SENT, "room-ui", topic="core_webinar_set_status", outcome="unanswered"): happened(1, at=7),
            of(ANSWERED, "core-webinar", topic="core_webinar_set_status", outcome="unauthenticated"): happened(1, at=7),
            of(ANSWERED, "core-webinar", topic="core_webinar_set_status", outcome="unavailable"): happened(1, at=7),
        },
    ),
    # Nobody to report, or nothing on the air.
    Silent("PresenceNotReported", {PRESENCE: steady(0), of("room_ui_viewers", "room-ui"): steady(0)}),
    Silent("PresenceNotReported", {PRESENCE: steady(0), of("room_ui_open_rooms", "room-ui", status="live"): steady(0)}),
    # Few of many, and a few where there are no others.
    Silent("PagesFailing", {http("5xx"): growing(0.5)}),
    Silent("PagesFailing", {http("5xx"): happened(4, at=8), http("2xx"): steady(0)}),
    # PostgreSQL was away for ten seconds.
    *(
        Silent("PagesFailing", {http("5xx"): f"0+0x{before} 60 120+0x{LONG}"}, minute=minute)
        for before in range(40, 44)
        for minute in (11, 12, 13)
    ),
    Silent("TelegramTokenRefused", {telegram("no_token"): happened(1, at=9)}),
    Silent("TelegramFailing", {telegram("too_many"): growing(0.2)}),
    # Another instance has taken over.
    Silent("TelegramFailing", {telegram("refused"): happened(5, at=7)}),
    Silent("TelegramFailing", {telegram("not_reached"): happened(5, at=7), telegram("ok"): steady(3)}),
    Silent("DeliveriesLate", {of("post_webinar_due_oldest_seconds", "post-webinar"): steady(590)}),
    Silent("DeliveriesUncertain", {of("post_webinar_uncertain", "post-webinar"): passing(0, 1, at=11, samples=4)}),
)
