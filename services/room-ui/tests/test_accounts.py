"""Making and changing accounts: whole or not at all, and always announced."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from contracts import AccountEvent, ContactCard, Role
from room_ui.accounts import importing, imports
from room_ui.accounts.accounts import Accounts, SignInRefused
from room_ui.accounts.domain import AccountRefused, LastManagerRefused, new_account
from room_ui.accounts.importing import Change, Kind
from room_ui.accounts.repository import Wanted
from room_ui.handlers import present_accounts, sweep_accounts
from room_ui.testing import NOON, Member, Web
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


async def test_an_edit_changes_what_it_gives_and_nothing_else(web: Web) -> None:
    partner_id = await add(web, "boris", "partner")
    account_id = await add(web, "anna", partner="boris", country="kz", telegram="anna_k", locale="en")

    await web.parts.accounts.edit(account_id, {"country": "", "note": "Call me"})

    account = await web.parts.accounts.find("anna")
    assert account is not None
    assert (account.display_name, account.role, account.partner_id) == ("Anna", Role.CANDIDATE, partner_id)
    assert (account.locale, account.country) == ("en", None)
    assert account.contact == ContactCard(telegram="anna_k", note="Call me")


async def test_a_file_is_imported_whole_with_a_link_for_each(web: Web) -> None:
    text = "login,name,role,partner\nvera,Вера,candidate,boris\nboris,Борис,partner,\n"

    _, added = await web.parts.accounts.import_csv(text)

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


async def test_a_file_changes_accounts_that_are_there_by_the_columns_it_has(web: Web) -> None:
    await add(web, "boris", "partner")
    await add(web, "anna", partner="boris", country="kz", telegram="anna_k", locale="en")
    await add(web, "vera")
    before = {account.login: account for account in await web.parts.accounts.list()}
    web.under_test.said(AccountEvent)
    rows = ("login,name,role,partner,locale", "anna,Anna K.,candidate,,", "vera,Vera,candidate,boris,")
    text = "\n".join([*rows, "boris,Boris,partner,,"])

    preview = await web.parts.accounts.preview_import(text)
    done, added = await web.parts.accounts.import_csv(text)

    assert [(row.login, row.kind) for row in preview.rows] == [
        ("anna", Kind.CHANGED),
        ("vera", Kind.CHANGED),
        ("boris", Kind.UNCHANGED),
    ]
    assert preview.rows[0].changes == (Change("name", "Anna", "Anna K."), Change("partner", "boris", ""))
    assert (done.fingerprint, added) == (preview.fingerprint, [])
    anna, vera = [await web.parts.accounts.find(login) for login in ("anna", "vera")]
    assert anna is not None
    assert (anna.display_name, anna.partner_id, anna.country, anna.locale) == ("Anna K.", None, "KZ", "en")
    assert anna.contact.telegram == "anna_k"
    assert vera is not None
    assert vera.partner_id == before["boris"].account_id
    await web.under_test.collect()
    assert [one.display_name for one in web.under_test.said(AccountEvent)] == ["Anna K.", "Vera"]
    again = await web.parts.accounts.preview_import(text)
    assert not again.does_something


async def test_a_file_of_many_needs_as_many_statements_as_a_file_of_few(web: Web) -> None:
    counted = []
    for place, size in enumerate((2, 2, 30)):
        logins = [f"of-{place}-{number}" for number in range(size)]
        for login in logins:
            await add(web, login)
        rows = [f"{login},Changed,candidate" for login in logins] + [f"new-{login},New,candidate" for login in logins]
        statements: list[str] = []
        async with web.parts.database.work() as work:
            with work.connection.query_logger(lambda told, seen=statements: seen.append(told.query)):
                await imports.done(work, "\n".join(["login,name,role", *rows]))
        counted.append(len(statements))

    # The first of all is not compared: with it the driver has looked up the types that it met.
    assert counted[1] == counted[2]
    changed = await web.parts.accounts.find("of-2-29")
    assert changed is not None
    assert changed.display_name == "Changed"
    await web.under_test.collect()
    told = web.under_test.said(AccountEvent)
    assert len({one.account_id for one in told}) == 68
    assert len([one for one in told if one.display_name == "Changed"]) == 34


async def test_a_file_is_read_and_judged_beside_the_loop_that_streams_the_rooms(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    read_rows, judge = importing.read_rows, importing.judge

    def reading(text: str) -> importing.ImportPreview:
        threads.append(threading.current_thread())
        return read_rows(text)

    def judging(*words: Any, **named: Any) -> importing.ImportPreview:
        threads.append(threading.current_thread())
        return judge(*words, **named)

    monkeypatch.setattr(importing, "read_rows", reading)
    monkeypatch.setattr(importing, "judge", judging)

    await web.parts.accounts.preview_import("login,name,role\nvera,Vera,candidate\n")

    assert len(threads) == 2
    assert threading.main_thread() not in threads


async def test_a_file_cannot_take_the_right_from_everybody_who_manages_accounts(web: Web) -> None:
    await add(web, "only", "admin")
    demoting = "login,name,role\nonly,Only,speaker\n"

    preview = await web.parts.accounts.preview_import(demoting)
    with pytest.raises(AccountRefused, match="line 2, role"):
        await web.parts.accounts.import_csv(demoting)
    await web.parts.accounts.import_csv(demoting + "second,Second,admin\n")

    assert not preview.is_good
    assert {one.login: one.role for one in await web.parts.accounts.list()} == {
        "only": Role.SPEAKER,
        "second": Role.ADMIN,
    }


async def test_the_last_who_may_manage_accounts_stays_so(web: Web) -> None:
    first, second = await add(web, "first", "admin"), await add(web, "second", "admin")
    accounts = web.parts.accounts

    await accounts.set_active(first, active=False)
    with pytest.raises(LastManagerRefused):
        await accounts.set_active(second, active=False)
    with pytest.raises(LastManagerRefused):
        await accounts.edit(second, {"name": "Second", "role": "speaker"})

    await accounts.set_active(first, active=True)
    await accounts.edit(second, {"name": "Second", "role": "speaker"})
    assert [one.login for one in await accounts.list(Wanted(role=Role.ADMIN, active=True))] == ["first"]


async def test_two_administrators_who_switch_each_other_off_at_once_do_not_both_succeed(web: Web) -> None:
    accounts = web.parts.accounts
    ids = [await add(web, f"admin-{number}", "admin") for number in range(2)]
    for _ in range(5):
        switched = (accounts.set_active(account_id, active=False) for account_id in ids)
        found = await asyncio.gather(*switched, return_exceptions=True)

        assert [type(one) for one in found if one is not None] == [LastManagerRefused]
        assert await accounts.count(Wanted(role=Role.ADMIN, active=True)) == 1
        for account_id in ids:
            await accounts.set_active(account_id, active=True)


async def test_accounts_are_found_by_word_role_and_state_and_counted(web: Web) -> None:
    await add(web, "boris", "partner")
    await add(web, "anna")
    off = await add(web, "annette")
    await web.parts.accounts.set_active(off, active=False)
    accounts = web.parts.accounts

    async def found(**wanted: object) -> list[str]:
        asked = Wanted(**wanted)  # type: ignore[arg-type]
        logins = [account.login for account in await accounts.list(asked)]
        assert await accounts.count(asked) == len(logins)
        return logins

    assert await found(search="ann") == ["anna", "annette"]
    assert await found(search="ann", active=True) == ["anna"]
    assert await found(role=Role.PARTNER) == ["boris"]
    assert await found(active=False) == ["annette"]
    assert await found(search="%") == []
    assert await found() == ["anna", "annette", "boris"]


async def another_session(web: Web, member: Member) -> str:
    async with web.parts.database.work() as work:
        cookie = await web.parts.sessions.begin(work.connection, member.account_id, work.now)
    return cookie.decode().split(";")[0]


async def is_signed_in(web: Web, cookie: str) -> bool:
    return (await web.browser(cookie).get("/account/")).status_code == 200


@pytest.mark.parametrize("but_here", [True, False])
async def test_signing_out_everywhere_ends_all_sessions_and_their_streams(web: Web, but_here: bool) -> None:
    anna, other = await web.member(), await web.member()
    elsewhere = await another_session(web, anna)
    ended: list[str] = []
    web.parts.sessions.on_end(ended.extend)
    assert await web.parts.accounts.open_sessions(anna.account_id) == 2

    removed = await web.parts.accounts.sign_out_everywhere(anna.viewer, but_here=but_here)

    assert (removed is None) is but_here
    assert await is_signed_in(web, anna.cookie) is but_here
    assert not await is_signed_in(web, elsewhere)
    assert await is_signed_in(web, other.cookie)
    assert len(ended) == (1 if but_here else 2)
    assert await web.parts.accounts.open_sessions(anna.account_id) == (1 if but_here else 0)


async def test_sessions_that_have_expired_are_not_counted(web: Web) -> None:
    anna = await web.member()
    web.under_test.clock.advance(12 * 3600)

    assert await web.parts.accounts.open_sessions(anna.account_id) == 0


async def test_a_password_of_ones_own_needs_the_present_one_and_ends_the_other_sessions(web: Web) -> None:
    anna = await web.member(login="anna")
    elsewhere = await another_session(web, anna)
    change = web.parts.accounts.change_password

    await change(anna.viewer, "", PASSWORD, address="10.0.0.1")
    assert not await is_signed_in(web, elsewhere)
    elsewhere = await another_session(web, anna)
    for old, new, field in (("wrong", "another password", "old"), (PASSWORD, "short", "password")):
        with pytest.raises(AccountRefused) as refused:
            await change(anna.viewer, old, new, address="10.0.0.1")
        assert refused.value.field == field
    assert await is_signed_in(web, elsewhere)
    await change(anna.viewer, PASSWORD, "another password", address="10.0.0.1")

    assert await is_signed_in(web, anna.cookie)
    assert not await is_signed_in(web, elsewhere)
    await sign_in(web, "anna", "another password")
    with pytest.raises(SignInRefused, match="wrong"):
        await sign_in(web, "anna", PASSWORD)


async def test_guesses_of_the_present_password_are_limited_like_those_of_a_sign_in(web: Web) -> None:
    anna = await web.member(login="anna")
    await web.parts.accounts.set_password(anna.account_id, PASSWORD, keep_session=anna.viewer.session_id)
    for _ in range(10):
        with pytest.raises(AccountRefused):
            await web.parts.accounts.change_password(anna.viewer, "guess", "another password", address="10.0.0.1")

    with pytest.raises(SignInRefused, match="too_many"):
        await web.parts.accounts.change_password(anna.viewer, PASSWORD, "another password", address="10.0.0.1")
    with pytest.raises(SignInRefused, match="too_many"):
        await sign_in(web, "anna", PASSWORD)


async def test_who_tried_too_often_is_told_when_it_goes_on_and_then_it_does(web: Web) -> None:
    await add(web, "anna", password=PASSWORD)
    for _ in range(10):
        with pytest.raises(SignInRefused, match="wrong"):
            await sign_in(web, "anna", "guess")
        web.under_test.clock.advance(30)

    with pytest.raises(SignInRefused, match="too_many") as refused:
        await sign_in(web, "anna", PASSWORD)

    until = refused.value.until
    assert until is not None
    # The second of the eleven tries leaves the quarter of an hour then.
    assert (until - NOON).total_seconds() == 30 + 15 * 60
    web.under_test.clock.advance((until - web.under_test.clock.now()).total_seconds())
    await sign_in(web, "anna", PASSWORD)


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
    accounts = web.parts.accounts
    first = await accounts.new_link(account_id)

    await accounts.use_link(first, replacing=GUEST)
    with pytest.raises(SignInRefused, match="link"):
        await accounts.use_link(first, replacing=GUEST)
    assert await accounts.link_owner(first) is None

    second = await accounts.new_link(account_id)
    web.under_test.clock.advance(72 * 3600)
    with pytest.raises(SignInRefused, match="link"):
        await accounts.use_link(second, replacing=GUEST)


async def test_new_links_are_for_those_who_have_no_other_way_in_and_never_came(web: Web) -> None:
    accounts = web.parts.accounts
    old = {login: await accounts.new_link(await add(web, login)) for login in ("vera", "came", "off", "anna")}
    await add(web, "boris", password=PASSWORD)
    await add(web, "not-asked-for")
    await accounts.use_link(old["came"], replacing=GUEST)
    off = await accounts.find("off")
    assert off is not None
    await accounts.set_active(off.account_id, active=False)
    asked = ["vera", "came", "off", "anna", "boris", "nobody"]

    waiting = await accounts.count_newcomers(asked)
    links = await accounts.new_links(asked)

    assert waiting == 2
    assert [one.login for one in links] == ["vera", "anna"]
    assert [await accounts.link_owner(one.link_token or "") for one in links] == ["Vera", "Anna"]
    assert [await accounts.link_owner(old[login]) for login in ("vera", "anna")] == [None, None]


async def test_who_signed_in_by_password_once_is_no_newcomer_without_it(web: Web) -> None:
    account_id = await add(web, "anna", password=PASSWORD)
    await sign_in(web, "anna", PASSWORD)
    await web.parts.database.pool.execute("update account set password_hash = null where account_id = $1", account_id)

    assert await web.parts.accounts.new_links(["anna"]) == []


async def switch_off_and_on(accounts: Accounts, anna: Member) -> None:
    for active in (False, True):
        await accounts.set_active(anna.account_id, active=active)


@pytest.mark.parametrize(
    "end",
    [
        lambda accounts, anna: accounts.set_password(anna.account_id, PASSWORD),
        lambda accounts, anna: accounts.change_password(anna.viewer, "", PASSWORD, address="10.0.0.1"),
        lambda accounts, anna: accounts.new_link(anna.account_id),
        lambda accounts, anna: accounts.sign_out_everywhere(anna.viewer, but_here=True),
        lambda accounts, anna: accounts.sign_out_everywhere(anna.viewer, but_here=False),
        switch_off_and_on,
    ],
    ids=["set_password", "change_password", "new_link", "elsewhere", "everywhere", "switched_off"],
)
async def test_a_link_not_used_yet_ends_with_the_ways_in_that_it_belongs_to(
    web: Web, end: Callable[[Accounts, Member], Awaitable[object]]
) -> None:
    anna, vera = await web.member(login="anna"), await web.member(login="vera")
    accounts = web.parts.accounts
    old, of_another = [await accounts.new_link(member.account_id) for member in (anna, vera)]

    await end(accounts, anna)

    assert await accounts.link_owner(old) is None
    with pytest.raises(SignInRefused, match="link"):
        await accounts.use_link(old, replacing=GUEST)
    assert await accounts.link_owner(of_another) == "Vera"


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
