"""What an operator can set."""

from datetime import timedelta

from pydantic import Field
from servicekit import ServiceSettings

from tracker.domain.participation import Rules
from tracker.domain.stop import Wait


class TrackerSettings(ServiceSettings):
    """Settings of the tracker beside those of every service."""

    minimum_watched_seconds: int = Field(
        default=300,
        ge=0,
        description="who watched less has not completed; room-ui needs the same value",
        json_schema_extra={"unit": "seconds"},
    )
    present_at_stop_seconds: int = Field(
        default=300,
        ge=1,
        description="who is there at some time in so long before the stop has completed; at most a tenth of the time"
        " on air counts",
        json_schema_extra={"unit": "seconds"},
    )
    finalise_min_seconds: float = Field(
        default=3.0,
        ge=0,
        description="after the stop, outcomes wait at least so long for the last reports of presence",
        json_schema_extra={"unit": "seconds"},
    )
    finalise_max_seconds: float = Field(
        default=30.0,
        ge=0,
        description="and at most so long, should an instance of room-ui not report any more",
        json_schema_extra={"unit": "seconds"},
    )
    participation_seconds: float = Field(
        default=30.0,
        gt=0,
        description="while live, a participant's figures are told to the desk once in so long",
        json_schema_extra={"unit": "seconds"},
    )

    presence_kept_days: int = Field(
        default=30,
        ge=1,
        description="so long after the outcomes single connections are kept, then only who watched when",
        json_schema_extra={"unit": "days"},
    )

    @property
    def presence_kept(self) -> timedelta:
        return timedelta(days=self.presence_kept_days)

    @property
    def wait(self) -> Wait:
        return Wait(timedelta(seconds=self.finalise_min_seconds), timedelta(seconds=self.finalise_max_seconds))

    def rules(self, *, bridge: timedelta) -> Rules:
        """Return the rules of a participation; `bridge` is the longest silence that is no gap."""
        return Rules(
            minimum=timedelta(seconds=self.minimum_watched_seconds),
            stop_margin=timedelta(seconds=self.present_at_stop_seconds),
            bridge=bridge,
        )
