"""What the tracker does with what it hears, and what it does by itself."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from contracts import ParticipationEvent, RoomFinish, RoomPresence, WebinarEvent
from servicekit import Database, Heard, Router, Work, tracing
from servicekit.retention import is_alone

from tracker import announcements
from tracker.domain.airing import Airing, after_hearing, bridge_of
from tracker.domain.connections import connections
from tracker.domain.participation import Decision, Figures, Participation, Rules, decide, figures
from tracker.domain.stop import may_finalise
from tracker.repository import participations, retention, webinars
from tracker.settings import TrackerSettings

router = Router("tracker")
router.needs_snapshots(WebinarEvent, "webinar")

_SLICE = 1000
_TOLD_AT_ONCE = 1000
_FINALISE_EVERY_SECONDS = 0.5
_TRY_AGAIN_AFTER = timedelta(seconds=10)
_TELL_EVERY_SECONDS = 2.0
_FORGET_EVERY_SECONDS = 3600.0
_FORGOTTEN_AT_ONCE = 200
# As long as a dead letter may wait that tells that the webinar had started after all.
_LOBBIES_KEPT = timedelta(days=90)

Cause = Heard[Any]


@router.hears(WebinarEvent)
async def keep_webinars(events: Sequence[Heard[WebinarEvent]], work: Work, *, settings: TrackerSettings) -> None:
    """Learn of webinars; decide what was told before they were known, and have a finished one finalised."""
    cause_of = {heard.event.webinar_id: heard for heard in events}
    open_ones = await participations.lock_exclusively(work, cause_of)
    known = await webinars.known_webinars(work, cause_of)
    now_known = {id_: after_hearing(known.get(id_), heard.event) for id_, heard in cause_of.items()}
    await webinars.keep_webinars(work, now_known)
    airing_of = {webinar_id: now_known[webinar_id].airing for webinar_id in sorted(open_ones)}
    finished = {id_: cause_of[id_].traceparent for id_, airing in airing_of.items() if airing.finished_at is not None}
    await webinars.add_stops(work, finished, due_at=work.now + settings.wait.least)
    for webinar_id, airing in airing_of.items():
        if airing.is_live_or_paused:
            leads = await participations.all_open_leads(work, webinar_id)
            causes = dict.fromkeys(leads, cause_of[webinar_id])
            await _decide_now(work, webinar_id, airing, causes, settings)


@router.hears(RoomPresence, batch=20)
async def record_presence(reports: Sequence[Heard[RoomPresence]], work: Work, *, settings: TrackerSettings) -> None:
    """Add what the reports tell of connections to what is known, and announce who has entered or completed by it."""
    ids = {heard.event.webinar_id for heard in reports}
    open_ones = await participations.lock_open(work, ids)
    heard_of_open = [heard for heard in reports if heard.event.webinar_id in open_ones]
    told = connections(heard.event for heard in heard_of_open)
    await participations.keep_presences(work, told)
    airing_of = await webinars.airings(work, open_ones)
    for webinar_id, airing in sorted(airing_of.items()):
        if airing.is_live_or_paused:
            everyone = {key.lead_id for key in told if key.webinar_id == webinar_id}
            seen = {
                key.lead_id
                for key, presence in told.items()
                if key.webinar_id == webinar_id and presence.seen_version is not None
            }
            leads = await participations.open_leads(work, webinar_id, told=sorted(everyone), seen=sorted(seen))
            causes = _first_reports(heard_of_open, webinar_id, leads)
            await _decide_now(work, webinar_id, airing, causes, settings)
    # Last, because rows of one instance are shared by all who are in its room.
    await webinars.keep_reports(work, [heard.event for heard in heard_of_open])


def _first_reports(
    reports: Sequence[Heard[RoomPresence]], webinar_id: UUID, leads: Sequence[str]
) -> dict[str, Heard[RoomPresence]]:
    wanted = set(leads)
    causes: dict[str, Heard[RoomPresence]] = {}
    for heard in reports:
        if heard.event.webinar_id == webinar_id and wanted:
            for entry in heard.event.entries:
                if entry.account_id in wanted:
                    causes.setdefault(entry.account_id, heard)
    return causes


@router.hears(RoomFinish)
async def remember_finish(presses: Sequence[Heard[RoomFinish]], work: Work, *, settings: TrackerSettings) -> None:
    """Remember who pressed "finish"; who has watched enough by then has completed."""
    open_ones = await participations.lock_open(work, {heard.event.webinar_id for heard in presses})
    causes: defaultdict[UUID, dict[str, Cause]] = defaultdict(dict)
    for heard in presses:
        if heard.event.webinar_id in open_ones:
            causes[heard.event.webinar_id][heard.event.lead_id] = heard
    await participations.keep_presses(
        work,
        ((id_, lead, heard.event.at) for id_, by_lead in causes.items() for lead, heard in by_lead.items()),
    )
    airing_of = await webinars.airings(work, open_ones)
    for webinar_id, airing in sorted(airing_of.items()):
        if airing.is_live_or_paused:
            await _decide_now(work, webinar_id, airing, causes[webinar_id], settings)


async def _decide_now(
    work: Work, webinar_id: UUID, airing: Airing, cause_of: Mapping[str, Cause], settings: TrackerSettings
) -> None:
    """Announce which of these leads have entered, and who of them has completed, each by its cause."""
    rules = await _rules(work, webinar_id, settings)
    decisions = {
        one.lead_id: decision
        for one in await participations.participations(work, webinar_id, sorted(cause_of))
        if (decision := decide(one, airing, rules)) is not None
    }
    new = {lead: decision.entered_at for lead, decision in decisions.items() if decision.is_new}
    if new:
        for lead in await participations.add_entries(work, webinar_id, new):
            work.announce(announcements.entered(webinar_id, lead, new[lead]), cause=cause_of[lead])
    done = {lead: decision.completion for lead, decision in decisions.items() if decision.completion is not None}
    if done:
        for lead in await participations.add_completions(work, webinar_id, done):
            for event in announcements.completed(webinar_id, lead, done[lead]):
                work.announce(event, cause=cause_of[lead])


async def _rules(work: Work, webinar_id: UUID, settings: TrackerSettings) -> Rules:
    return settings.rules(bridge=await _bridge(work, webinar_id))


async def _bridge(work: Work, webinar_id: UUID) -> timedelta:
    return bridge_of(await webinars.intervals(work, webinar_id))


@router.every(_TELL_EVERY_SECONDS)
async def tell_progress(work: Work, *, settings: TrackerSettings) -> None:
    """Tell the figures of those on air, of each lead and of all together at a bounded rate."""
    told_before = work.now - timedelta(seconds=settings.participation_seconds)
    under_way = await webinars.webinars_under_way(work)
    await participations.lock_open(work, under_way)
    airing_of = await webinars.airings(work, under_way)
    due = await participations.take_due_for_telling(work, airing_of, told_before=told_before, limit=_TOLD_AT_ONCE)
    for webinar_id, leads in sorted(due.items()):
        airing = airing_of[webinar_id]
        bridge = await _bridge(work, webinar_id)
        told: dict[str, tuple[int | None, Figures]] = {}
        for one in await participations.participations(work, webinar_id, leads):
            so_far = figures(one.presences, airing, bridge=bridge, now=work.now)
            news = one.told_at is None or so_far.watched_seconds != one.watched_seconds
            version = _next_version(one.told_version, work) if news else None
            told[one.lead_id] = (version, so_far)
            if version is not None:
                work.announce(_snapshot(webinar_id, one, so_far, version=version, final=False))
        await participations.note_told(work, webinar_id, told)


def _snapshot(
    webinar_id: UUID, one: Participation, so_far: Figures, *, version: int, final: bool
) -> ParticipationEvent:
    return announcements.progress(
        webinar_id, one.lead_id, so_far, completed_by=one.completed_by, version=version, final=final
    )


def _next_version(previous: int | None, work: Work) -> int:
    return max((previous or 0) + 1, int(work.now.timestamp() * 1000))


@router.every(_FINALISE_EVERY_SECONDS)
async def finalise_due(work: Work, *, database: Database, settings: TrackerSettings) -> bool:
    """Write and announce the outcomes of one finished webinar, once everyone who may know more has spoken."""
    # In a transaction of its own: a stop that cannot be finalised must not stay the first and keep all others waiting.
    async with database.work() as taking:
        stop = await webinars.take_due_stop(taking, again_at=work.now + _TRY_AGAIN_AFTER)
    if stop is None:
        return False
    if not await participations.lock_exclusively(work, [stop.webinar_id]):
        await webinars.close_ledger(work, stop.webinar_id)
        return True
    airing = (await webinars.airings(work, [stop.webinar_id]))[stop.webinar_id]
    if airing.finished_at is None:
        await webinars.forget_stop(work, stop.webinar_id)
        return True
    finished_version = airing.finish_versions.first(airing.finished_at)
    assert finished_version is not None
    ready = may_finalise(
        await webinars.reports(work, stop.webinar_id),
        finished_version=finished_version,
        finished_at=airing.finished_at,
        heard_at=stop.heard_at,
        now=work.now,
        wait=settings.wait,
    )
    if not ready:
        again = work.now + timedelta(seconds=_FINALISE_EVERY_SECONDS)
        await webinars.look_again(work, stop.webinar_id, due_at=again)
        return True
    with tracing.continuing("finalise", [stop.traceparent]):
        await _finalise(work, stop.webinar_id, airing, settings)
    return True


async def _finalise(work: Work, webinar_id: UUID, airing: Airing, settings: TrackerSettings) -> None:
    assert airing.finished_at is not None
    rules = await _rules(work, webinar_id, settings)
    async for slice_ in participations.everyone(work, webinar_id, slice_size=_SLICE):
        decisions = [decision for one in slice_ if (decision := decide(one, airing, rules)) is not None]
        outcomes = [
            (
                decision,
                figures(decision.participation.presences, airing, bridge=rules.bridge, now=airing.finished_at),
                _next_version(decision.participation.told_version, work),
            )
            for decision in decisions
        ]
        await participations.write_outcomes(work, webinar_id, outcomes)
        for decision, final, version in outcomes:
            _announce_outcome(work, webinar_id, decision, final, version)
    await webinars.close_ledger(work, webinar_id)


def _announce_outcome(work: Work, webinar_id: UUID, decision: Decision, final: Figures, version: int) -> None:
    lead = decision.participation.lead_id
    if decision.is_new:
        work.announce(announcements.entered(webinar_id, lead, decision.entered_at))
    if decision.completion is not None:
        for event in announcements.completed(webinar_id, lead, decision.completion):
            work.announce(event)
    elif decision.completed_by is None:
        work.announce(announcements.evaluation(webinar_id, lead, final))
    work.announce(
        announcements.progress(webinar_id, lead, final, completed_by=decision.completed_by, version=version, final=True)
    )


@router.owns_snapshots(ParticipationEvent)
async def present_participations(work: Work, after: str, limit: int) -> Sequence[tuple[str, ParticipationEvent]]:
    """Return the figures of those of whom any were told, in the order of `<webinar_id>/<lead_id>`."""
    webinar_id, _, lead_id = after.partition("/")
    keys = await participations.told_after(work, UUID(webinar_id) if webinar_id else UUID(int=0), lead_id, limit)
    leads_of: defaultdict[UUID, list[str]] = defaultdict(list)
    for key in keys:
        leads_of[key[0]].append(key[1])
    airing_of = await webinars.airings(work, leads_of)
    finalised = await webinars.finalised(work, leads_of)
    found: dict[tuple[UUID, str], ParticipationEvent] = {}
    for id_, leads in leads_of.items():
        bridge = await _bridge(work, id_)
        for lead, (kept, completed_by, version) in (await retention.kept_alone(work, id_, leads)).items():
            found[id_, lead] = announcements.progress(
                id_, lead, kept, completed_by=completed_by, version=version, final=True
            )
        untouched = [lead for lead in leads if (id_, lead) not in found]
        for one in await participations.participations(work, id_, untouched):
            assert one.told_version is not None
            now_known = figures(one.presences, airing_of[id_], bridge=bridge, now=work.now)
            found[id_, one.lead_id] = _snapshot(id_, one, now_known, version=one.told_version, final=id_ in finalised)
    return [(f"{id_}/{lead}", found[id_, lead]) for id_, lead in keys]


@router.every(_FORGET_EVERY_SECONDS)
async def forget_connections(work: Work, *, settings: TrackerSettings) -> bool:
    """Keep of a webinar that is long over who watched when, and not each connection behind it.

    The session stays: it is what makes a message that comes months later change nothing.
    """
    if not await is_alone(work, "presence"):
        return False
    before = work.now - settings.presence_kept
    webinar_id = await retention.take_finalised(work, before=before)
    if webinar_id is None:
        reports_left = await retention.forget_reports(work, before=before)
        return await retention.forget_lobbies(work, before=work.now - _LOBBIES_KEPT) or reports_left
    airing = (await webinars.airings(work, [webinar_id]))[webinar_id]
    bridge = await _bridge(work, webinar_id)
    leads = await retention.leads_with_connections(work, webinar_id, _FORGOTTEN_AT_ONCE)
    final = {
        one.lead_id: figures(one.presences, airing, bridge=bridge, now=work.now)
        for one in await participations.participations(work, webinar_id, leads)
        if one.told_version is not None
    }
    await retention.keep_windows_alone(work, webinar_id, leads, final)
    return True
