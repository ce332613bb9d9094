"""Roles and rights: the matrix, written out."""

from contracts import CAPABILITIES, Capability, Role

ROLES = [Role.ADMIN, Role.SPEAKER, Role.PARTNER, Role.CANDIDATE, None]

# one mark for admin, speaker, partner, candidate, guest
MATRIX = {
    "schedule_view": "+++++",
    "webinar_join": "++++-",
    "webinar_participate": "--++-",
    "webinar_manage": "++---",
    "webinar_manage_status": "++---",
    "webinar_manage_cta": "++---",
    "webinar_configure": "+----",
    "report_view": "++---",
    "report_view_own_candidates": "--+--",
    "account_manage": "+----",
    "template_manage": "+----",
}


def test_each_role_has_the_rights_of_the_matrix() -> None:
    found = {
        capability.value: "".join("+" if capability in CAPABILITIES[role] else "-" for role in ROLES)
        for capability in Capability
    }

    assert found == MATRIX


def test_a_visitor_without_a_session_is_the_only_one_without_a_role() -> None:
    assert set(CAPABILITIES) == {*Role, None}
