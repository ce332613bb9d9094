"""Making and changing accounts: whole or not at all, and always announced."""

import pytest
from contracts import AccountEvent, ContactCard, Role
from room_ui.accounts.accounts import SignInRefused
from room_ui.accounts.domain import AccountRefused, new_account
from room_ui.handlers import present_accounts, sweep_accounts
from room_ui.testing import Web
from room_ui.viewer import Viewer

GUEST = Viewer.guest("ru")
PASSWORD = "a long enough password"


async def add(web: Web, login: str, role: str = "candidate", password: str | None = None, **words: str) -> str:
    account = new_account({"login": login, "name": login.title(), "role": role, **words})
    added = await web.parts.accounts.add(account, password=password)
    await web.under_test.collect()
    return added.account_id


async def sign_in(web: Web, login: str, password: str, address: str = "10.0.0.1") -> str:
    signed_in = await web.parts.accounts.sign_in(login, password, address=address, replacing=GUEST)
    return signed_in.home


async def test_a_new_account_is_announced_without_login_or_password(web: Web) -> None:
    partner_id = await add(web, "boris", "partner", telegram="boris_p")
    account_id = await add(web, "anna", password=PASSWORD, partner="Boris", country="kz", locale="en")

    partner, account = web.under_test.said(AccountEvent)
    assert partner.contact == ContactCard(telegram="boris_p")
    assert account == AccountEvent(
        account_id=account_id,
        version=account.version,
        display_name="Anna",
        role=Role.CANDIDATE,
        partner_id=partner_id,
        locale="en",
        country="KZ",
    )
    assert "anna" not in account.to_json().decode()


@pytest.mark.parametrize(
    ("words", "field"),
    [({"login": "anna"}, "login"), ({"partner": "nobody"}, "partner"), ({"partner": "anna"}, "partner")],
)
async def test_an_account_that_will_not_do_changes_nothing(web: Web, words: dict[str, str], field: str) -> None:
    await add(web, "anna")
    web.under_test.said(AccountEvent)

    with pytest.raises(AccountRefused) as refused:
        await web.parts.accounts.add(new_account({"login": "vera", "name": "Vera", "role": "candidate", **words}))

    await web.under_test.collect()
    assert refused.value.field == field
    assert web.under_test.said(AccountEvent) == []
    assert [account.login for account in await web.parts.accounts.list()] == ["anna"]


async def test_each_change_has_a_higher_version_and_no_change_is_not_told(web: Web) -> None:
    account_id = await add(web, "anna")
    accounts = web.parts.accounts
    await accounts.set_locale(account_id, "en")
    await accounts.set_locale(account_id, "en")
    await accounts.set_contact(account_id, ContactCard(note="Call me"))
    await accounts.edit(account_id, {"name": "Anna K.", "role": "partner"})
    await accounts.set_active(account_id, active=False)
    await web.under_test.collect()

    told = web.under_test.said(AccountEvent)
    assert [one.version for one in told] == sorted({one.version for one in told})
    assert len(told) == 5
    assert (told[-1].display_name, told[-1].role, told[-1].active) == ("Anna K.", Role.PARTNER, False)


async def test_a_file_is_imported_whole_with_a_link_for_each(web: Web) -> None:
    text = "login,name,role,partner\nvera,Вера,candidate,boris\nboris,Борис,partner,\n"

    added = await web.parts.accounts.import_csv(text)

    await web.under_test.collect()
    told = {one.display_name: one for one in web.under_test.said(AccountEvent)}
    assert told["Вера"].partner_id == told["Борис"].account_id
    assert [one.login for one in added] == ["vera", "boris"]
    names = [await web.parts.accounts.link_owner(one.link_token or "") for one in added]
    assert names == ["Вера", "Борис"]


async def test_a_file_with_one_wrong_row_makes_nobody(web: Web) -> None:
    text = "login,name,role\nvera,Vera,candidate\nolga,Olga,moderator\n"

    with pytest.raises(AccountRefused, match=r"line 3, role"):
        await web.parts.accounts.import_csv(text)

    assert await web.parts.accounts.list() == []
    preview = await web.parts.accounts.preview_import(text)
    assert [row.field for row in preview.rows] == [None, "role"]


async def test_signing_in_needs_the_right_password_of_an_active_account(web: Web) -> None:
    account_id = await add(web, "anna", password=PASSWORD)
    await add(web, "linked")

    assert await sign_in(web, " ANNA ", PASSWORD) == "/account/webinar_room/"
    for login, password in (("anna", "wrong"), ("nobody", PASSWORD), ("linked", ""), ("anna", "")):
        with pytest.raises(SignInRefused, match="wrong"):
            await sign_in(web, login, password)
    await web.parts.accounts.set_active(account_id, active=False)
    with pytest.raises(SignInRefused, match="wrong"):
        await sign_in(web, "anna", PASSWORD)


async def test_after_too_many_attempts_even_the_right_password_waits(web: Web) -> None:
    await add(web, "anna", password=PASSWORD)
    for _ in range(10):
        with pytest.raises(SignInRefused, match="wrong"):
            await sign_in(web, "anna", "guess")

    with pytest.raises(SignInRefused, match="too_many"):
        await sign_in(web, "anna", PASSWORD)
    await sign_in(web, "anna", PASSWORD, address="10.0.0.2")

    web.under_test.clock.advance(15 * 60 + 1)
    await sign_in(web, "anna", PASSWORD)


async def test_a_successful_sign_in_forgives_the_attempts_before_it(web: Web) -> None:
    await add(web, "anna", password=PASSWORD)
    for _ in range(3):
        for _ in range(5):
            with pytest.raises(SignInRefused, match="wrong"):
                await sign_in(web, "anna", "guess")
        await sign_in(web, "anna", PASSWORD)


async def test_a_one_time_link_works_once_and_for_three_days(web: Web) -> None:
    account_id = await add(web, "anna")
    first, second = [await web.parts.accounts.new_link(account_id) for _ in range(2)]
    accounts = web.parts.accounts

    await accounts.use_link(first, replacing=GUEST)
    with pytest.raises(SignInRefused, match="link"):
        await accounts.use_link(first, replacing=GUEST)
    assert await accounts.link_owner(first) is None

    web.under_test.clock.advance(72 * 3600)
    with pytest.raises(SignInRefused, match="link"):
        await accounts.use_link(second, replacing=GUEST)


async def test_sweeping_keeps_what_still_means_something(web: Web) -> None:
    anna = await web.member(login="anna")
    with pytest.raises(SignInRefused):
        await sign_in(web, "anna", "guess")
    await web.parts.accounts.new_link(anna.account_id)

    await web.under_test.run(sweep_accounts)
    counts = """
    select (select count(*) from session), (select count(*) from sign_in_attempt), (select count(*) from one_time_link)
    """
    assert tuple(await web.parts.database.pool.fetchrow(counts)) == (1, 1, 2)

    web.under_test.clock.advance(30 * 24 * 3600)
    await web.under_test.run(sweep_accounts)
    assert tuple(await web.parts.database.pool.fetchrow(counts)) == (0, 0, 0)


async def test_all_accounts_are_presented_to_who_asks_in_slices(web: Web) -> None:
    made = {await add(web, f"lead-{number}") for number in range(5)}
    found: list[str] = []
    async with web.parts.database.work() as work:
        while page := await present_accounts(work, found[-1] if found else "", 2):
            found += [key for key, _ in page]

    assert found == sorted(made)
