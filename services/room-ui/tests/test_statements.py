"""What goes into statements."""

import pytest
from contracts import CAPABILITIES, Capability
from room_ui.statements import containing, roles_with
from room_ui.testing import Web


@pytest.mark.parametrize("search", ["100%", "a_b", "\\", "\\%", "%_\\_%", ""])
async def test_what_is_looked_for_is_found_as_it_is_written_and_nothing_like_it(web: Web, search: str) -> None:
    unlike = search.translate({ord(sign): "x" for sign in "%_\\"})
    ask = "select $1::text ilike $2"

    found = await web.parts.database.pool.fetchval(ask, f"before {search.upper()} after", containing(search))
    other = await web.parts.database.pool.fetchval(ask, f"before {unlike} after", containing(search))

    assert found
    assert other is (unlike == search)


@pytest.mark.parametrize("capability", [Capability.ACCOUNT_MANAGE, Capability.WEBINAR_PARTICIPATE])
def test_roles_are_asked_for_by_what_they_may(capability: Capability) -> None:
    roles = set(roles_with(capability))

    assert roles
    assert {role.value: capability in rights for role, rights in CAPABILITIES.items() if role} == {
        role.value: role.value in roles for role in CAPABILITIES if role
    }
