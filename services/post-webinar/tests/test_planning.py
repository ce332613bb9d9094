"""Which messages are due to whom and when, in pure code."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from contracts import DeliveryState, Recipient, Role, Route, Step
from post_webinar.domain.planning import (
    NOTICE_GATHER,
    Control,
    Ending,
    LeadState,
    NewDelivery,
    Reason,
    RoutedLead,
    due_deliveries,
    lead_state,
    route_of,
)
from post_webinar.testing import END

WEBINAR = uuid4()
DELAY = timedelta(minutes=5)


def lead(**changes: Any) -> RoutedLead:
    fields: dict[str, Any] = {
        "webinar_id": WEBINAR,
        "lead_id": "anna",
        "route": Route.ATTENDED,
        "role": Role.CANDIDATE,
        "active": True,
        "partner_id": "paul",
        "partner_active": True,
        "planned": False,
        "followup_due_at": None,
        "has_recording": False,
    }
    return RoutedLead(**fields | changes)


def due(*leads: RoutedLead, ending: Ending | None = None, after: float = 10) -> list[NewDelivery]:
    endings: dict[UUID, Ending] = {WEBINAR: ending or Ending(END, None, Control.OPEN)}
    return list(due_deliveries(leads, endings, now=END + timedelta(seconds=after), delay=DELAY))


@pytest.mark.parametrize(
    ("finished", "role", "state"),
    [
        (False, Role.CANDIDATE, LeadState.WAITING_FOR_WEBINAR),
        (False, None, LeadState.WAITING_FOR_WEBINAR),
        (True, None, LeadState.WAITING_FOR_ACCOUNT),
        (True, Role.CANDIDATE, LeadState.ROUTED),
        (True, Role.PARTNER, LeadState.ROUTED),
        (True, Role.SPEAKER, LeadState.NOT_PARTICIPATING),
        (True, Role.ADMIN, LeadState.NOT_PARTICIPATING),
    ],
)
def test_a_lead_waits_for_the_end_and_the_account(finished: bool, role: Role | None, state: LeadState) -> None:
    assert lead_state(finished=finished, role=role) is state


def test_the_verdict_says_the_route() -> None:
    assert (route_of(True), route_of(False)) == (Route.ATTENDED, Route.NOT_ATTENDED)


def test_a_candidate_and_their_partner_each_get_one_message_after_the_delay() -> None:
    followup, notice = due(lead())
    assert (followup.recipient, followup.account_id, followup.step) == (Recipient.CANDIDATE, "anna", Step.ATTENDED)
    assert (notice.recipient, notice.account_id, notice.step) == (Recipient.PARTNER, "paul", Step.PARTNER_NOTICE)
    assert notice.lead_id == "anna"
    assert followup.due_at == notice.due_at == END + DELAY
    assert followup.state is notice.state is DeliveryState.PLANNED


@pytest.mark.parametrize(
    "alone",
    [{"partner_id": None}, {"partner_id": "anna"}, {"role": Role.PARTNER, "partner_id": "paul"}],
)
def test_nobody_is_told_of_who_has_no_partner_or_is_one(alone: dict[str, Any]) -> None:
    assert [one.step for one in due(lead(**alone))] == [Step.ATTENDED]


def test_what_was_planned_is_not_planned_again() -> None:
    assert due(lead(planned=True)) == []


@pytest.mark.parametrize(("days", "steps"), [(7, [Step.RECORDING]), (7.001, [])])
def test_a_recording_goes_to_the_not_attended_when_saved_within_7_days(days: float, steps: list[Step]) -> None:
    ending = Ending(END, END + timedelta(days=days), Control.OPEN)
    missed = lead(route=Route.NOT_ATTENDED, planned=True)
    found = due(missed, lead(lead_id="boris", planned=True), ending=ending, after=days * 86400 + 60)
    assert [one.step for one in found] == steps
    assert all(one.due_at == END + timedelta(days=days, seconds=60) for one in found)
    assert due(lead(route=Route.NOT_ATTENDED, planned=True, has_recording=True), ending=ending) == []


def test_a_recording_that_is_there_is_due_with_the_follow_up() -> None:
    ending = Ending(END, END, Control.OPEN)
    followup, _, recording = due(lead(route=Route.NOT_ATTENDED), ending=ending)
    assert (followup.step, recording.step) == (Step.NOT_ATTENDED, Step.RECORDING)
    assert followup.due_at == recording.due_at
    [later] = due(lead(route=Route.NOT_ATTENDED, planned=True, followup_due_at=END + DELAY), ending=ending)
    assert later.due_at == END + DELAY


@pytest.mark.parametrize(
    ("control", "active", "state", "reason"),
    [
        (Control.OPEN, False, DeliveryState.SUPPRESSED, Reason.ACCOUNT_INACTIVE),
        (Control.HELD, True, DeliveryState.HELD, None),
        (Control.HELD, False, DeliveryState.SUPPRESSED, Reason.ACCOUNT_INACTIVE),
        (Control.CANCELLED, True, DeliveryState.CANCELLED, Reason.CANCELLED_AT_DESK),
    ],
)
def test_what_the_desk_said_before_holds_for_what_comes_later(
    control: Control, active: bool, state: DeliveryState, reason: Reason | None
) -> None:
    found = due(lead(active=active, partner_active=active), ending=Ending(END, None, control))
    assert {(one.state, one.reason) for one in found} == {(state, reason)}


def test_a_late_notice_gives_its_fellows_time_to_join() -> None:
    _, notice = due(lead(), after=600)
    assert notice.due_at == END + timedelta(seconds=600) + NOTICE_GATHER
