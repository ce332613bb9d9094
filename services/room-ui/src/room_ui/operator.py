"""What `webinarctl follow` asks of room-ui: what people and webinars are called."""

from servicekit import Database
from servicekit.operator.follow import Names


async def names(database: Database) -> Names:
    """Return every account's name, and every webinar as Core last told it."""
    accounts = await database.pool.fetch("select account_id, display_name from account")
    webinars = await database.pool.fetch("select webinar_id, snapshot from webinar")
    return Names(
        {row["account_id"]: row["display_name"] for row in accounts},
        {str(row["webinar_id"]): row["snapshot"] for row in webinars},
    )
