"""The envelope: the AMQP properties and headers around a body."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

CONTENT_TYPE = "application/json"


class Envelope(BaseModel):
    """What is known about a message beside its body.

    `message_id` is a UUIDv7 made when the outbox row is inserted; `correlation_id` the webinar's id from its start on,
    the command's id before; `causation_id` the message that led to this one. `deadline`, `authorization` and
    `reply_to` belong to commands.
    """

    model_config = ConfigDict(frozen=True)

    message_id: UUID
    type: str
    app_id: str
    timestamp: datetime
    correlation_id: str
    causation_id: UUID | None = None
    schema_version: int = 1
    traceparent: str | None = None
    deadline: datetime | None = None
    authorization: str | None = None
    reply_to: str | None = None

    def headers(self) -> dict[str, Any]:
        """The AMQP headers; the other fields are AMQP properties of the same name."""
        headers: dict[str, Any] = {"schema_version": self.schema_version}
        if self.causation_id is not None:
            headers["causation_id"] = str(self.causation_id)
        if self.traceparent is not None:
            headers["traceparent"] = self.traceparent
        if self.deadline is not None:
            headers["deadline"] = self.deadline.isoformat()
        if self.authorization is not None:
            headers["authorization"] = self.authorization
        return headers
