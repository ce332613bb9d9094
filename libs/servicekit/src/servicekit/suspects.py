"""Which message kills processes: known only to who outlives them, so it is written down before it is taken in hand."""

from uuid import UUID, uuid4

from servicekit.database import Database
from servicekit.errors import DATABASE_TROUBLE
from servicekit.logs import get_logger

log = get_logger(__name__)

MOST_DEATHS = 3
_REMEMBERED_DAYS = 7

_HOLD = """
insert into suspect as known (queue, message_id, held_by, held_at, deaths) values ($1, $2, $3, $4, 0)
on conflict (queue, message_id) do update
set deaths = known.deaths + (known.held_by <> excluded.held_by)::int,
    held_by = excluded.held_by, held_at = excluded.held_at
returning deaths
"""
_FORGET = "delete from suspect where queue = $1 and message_id = $2"
_FORGET_OLD = "delete from suspect where held_at < $1::timestamptz - make_interval(days => $2)"


class Suspects:
    """Messages of one database that come back again and again, each handled alone.

    The broker counts for all that a dead process had fetched; a delivery limit would bury them all.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._us = uuid4()
        """This process: who finds another's name has outlived it, or it has lost its way to the database."""

    async def hold(self, queue: str, message_id: UUID) -> int:
        """Write down, and commit, that we have it in hand alone; returns how many who had it are gone.

        Raises one of `DATABASE_TROUBLE`.
        """
        async with self._database.work() as work:
            await work.connection.execute(_FORGET_OLD, work.now, _REMEMBERED_DAYS)
            return int(await work.connection.fetchval(_HOLD, queue, message_id, self._us, work.now))

    async def let_go(self, queue: str, message_id: UUID) -> None:
        """We have outlived it. Where that cannot be written down the row is of us, and counts as no death of ours."""
        try:
            async with self._database.work() as work:
                await work.connection.execute(_FORGET, queue, message_id)
        except DATABASE_TROUBLE as error:
            log.info("suspect.not_let_go", queue=queue, message_id=str(message_id), error=repr(error))
