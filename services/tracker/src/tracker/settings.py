"""What an operator can set."""

from datetime import timedelta

from pydantic import Field
from servicekit import ServiceSettings

from tracker.domain.participation import Rules
from tracker.domain.stop import Wait


class TrackerSettings(ServiceSettings):
    """Settings of the tracker beside those of every service."""

    minimum_watched_seconds: int = Field(default=300, ge=0, description="who watched less has not completed")
    present_at_stop_seconds: int = Field(
        default=300,
        ge=1,
        description="be there so long before the stop; at most a tenth of the time on air",
    )
    finalise_min_seconds: float = Field(default=3.0, ge=0, description="outcomes wait at least so long for reports")
    finalise_max_seconds: float = Field(default=30.0, ge=0, description="and at most so long")
    participation_seconds: float = Field(
        default=30.0, gt=0, description="while live, a lead's figures are told at most so often"
    )

    presence_kept_days: int = Field(
        default=30,
        ge=1,
        description="so long after the outcomes single connections are kept, then only who watched when",
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
