"""The envelope: the AMQP properties and headers around a body."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.base import UtcTime

CONTENT_TYPE = "application/json"


class Envelope(BaseModel):
    """What is known about a message beside its body.

    `causation_id`, `schema_version`, `traceparent`, `deadline` and `authorization` travel as AMQP headers, the others
    as the AMQP properties of the same name. `deadline`, `authorization` and `reply_to` belong to commands.
    """

    model_config = ConfigDict(frozen=True)

    message_id: UUID = Field(
        description="UUIDv7, made when the message was written down (a command has its form's own); the same in every"
        " repetition"
    )
    type: str = Field(description="the event name, equal to the routing key")
    app_id: str = Field(description="the service that says it")
    timestamp: UtcTime = Field(description="when it was written down; whole seconds on the wire")
    correlation_id: str = Field(description="the webinar's id from its start on, before that the id of the command")
    causation_id: UUID | None = Field(default=None, description="the `message_id` of what led to this message")
    schema_version: int = Field(default=1, description="the major version of the body")
    traceparent: str | None = Field(default=None, description="W3C trace context")
    deadline: UtcTime | None = Field(default=None, description="RFC 3339; a command is refused after it (`expired`)")
    authorization: str | None = Field(default=None, description="a token for this one command; never stored or logged")
    reply_to: str | None = Field(default=None, description="where the reply goes, `reply.<instance>`")

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
