"""Who somebody is: passwords, codes, sessions, and every way they end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from hub.accounts import TRIES_LOGIN, Accounts, check_password, clean_login, clean_name
from hub.bus import LocalBus
from hub.errors import (
    BadValueError,
    ConflictError,
    LimitedError,
    NotFoundError,
    UnauthenticatedError,
)
from hub.model import (
    Operator,
    OperatorId,
    ProjectId,
    Role,
    Session,
)
from hub.records import Audit
from hub.store.engine import Engine
from hub.store.schema import AUDIT, SESSIONS_OF

PASSWORD = "correct horse battery"
WEAK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
STRONG = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
SHOP = ProjectId("shop")


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def passes(self, **time: float) -> None:
        self.at += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(engine: Engine, clock: Clock) -> Accounts:
    return Accounts(engine, LocalBus(), clock, timedelta(days=30), WEAK)


@pytest.fixture
async def anna(accounts: Accounts) -> OperatorId:
    operator = await accounts.add_operator("Anna", "Анна")
    await accounts.join(OperatorId(operator.id), SHOP, Role.OPERATOR)
    await accounts.set_password(OperatorId(operator.id), PASSWORD)
    return OperatorId(operator.id)


async def signed_in(accounts: Accounts, password: str = PASSWORD, login: str = "anna") -> str:
    session, _ = await accounts.sign_in(login, password, address="192.0.2.1")
    return session


async def test_a_session_belongs_to_who_signed_in(accounts: Accounts, anna: OperatorId) -> None:
    who = await accounts.whoami(await signed_in(accounts))
    assert who is not None
    assert (who.id, who.role(SHOP), who.channels(SHOP)) == (anna, Role.OPERATOR, None)
    assert who.role(ProjectId("other")) is None
    assert who.channels(ProjectId("other")) == frozenset()
    assert await accounts.whoami("") is None
    assert await accounts.whoami("made up") is None


async def test_neither_password_nor_session_nor_code_is_kept(
    accounts: Accounts, anna: OperatorId, engine: Engine
) -> None:
    session = await signed_in(accounts)
    code = await accounts.one_time_code(anna)
    operator = await engine.get(Operator, anna)
    page = await engine.find(SESSIONS_OF, {"operator": anna})
    kept = repr(operator) + repr(page.items)
    for secret in (PASSWORD, session, code, code.replace("-", "")):
        assert secret not in kept


@pytest.mark.parametrize("login", ["ANNA", " anna "])
async def test_a_login_is_the_same_in_any_letters(
    accounts: Accounts, anna: OperatorId, login: str
) -> None:
    assert await accounts.whoami(await signed_in(accounts, login=login)) is not None
    with pytest.raises(ConflictError) as caught:
        await accounts.add_operator(login, "Another")
    assert caught.value.code == "login_taken"


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + "x", "x" * 129, PASSWORD.upper()])
async def test_a_wrong_password_is_refused(
    accounts: Accounts, anna: OperatorId, password: str
) -> None:
    with pytest.raises(UnauthenticatedError):
        await signed_in(accounts, password)


async def test_an_unknown_login_costs_the_same_hashing(
    accounts: Accounts, anna: OperatorId, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, hash: str, password: str) -> bool:
        hashed.append(hash)
        return verify(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    for login in ("anna", "nobody"):
        with pytest.raises(UnauthenticatedError):
            await signed_in(accounts, "wrong", login)
    assert len(hashed) == 2


async def test_one_who_has_no_password_yet_cannot_sign_in_with_the_decoy(
    accounts: Accounts,
) -> None:
    await accounts.add_operator("new", "New")
    with pytest.raises(UnauthenticatedError):
        await signed_in(accounts, "", "new")


async def test_a_login_tried_too_often_has_to_wait(accounts: Accounts, anna: OperatorId) -> None:
    for _ in range(TRIES_LOGIN):
        with pytest.raises(UnauthenticatedError):
            await signed_in(accounts, "wrong")
    with pytest.raises(LimitedError) as caught:
        await signed_in(accounts)
    assert caught.value.retry_after > timedelta(0)


async def test_a_session_ends_with_its_time(
    accounts: Accounts, anna: OperatorId, clock: Clock
) -> None:
    session = await signed_in(accounts)
    clock.passes(days=30, milliseconds=-1)
    assert await accounts.whoami(session) is not None
    clock.passes(milliseconds=1)
    assert await accounts.whoami(session) is None


async def test_signing_out_ends_that_session_only(accounts: Accounts, anna: OperatorId) -> None:
    one, two = await signed_in(accounts), await signed_in(accounts)
    who = await accounts.whoami(one)
    assert who is not None
    await accounts.sign_out(who)
    assert await accounts.whoami(one) is None
    assert await accounts.whoami(two) is not None


async def test_a_new_password_ends_every_session(accounts: Accounts, anna: OperatorId) -> None:
    one, two = await signed_in(accounts), await signed_in(accounts)
    who = await accounts.whoami(one)
    assert who is not None
    fresh, _ = await accounts.change_password(who, PASSWORD, "another password")
    assert await accounts.whoami(one) is None
    assert await accounts.whoami(two) is None
    assert await accounts.whoami(fresh) is not None
    with pytest.raises(UnauthenticatedError):
        await signed_in(accounts)
    await signed_in(accounts, "another password")


async def test_more_than_a_page_of_sessions_is_ended(
    accounts: Accounts, anna: OperatorId, engine: Engine
) -> None:
    from hub.store.engine import Insert

    for n in range(250):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=n)
        await engine.write(
            Insert(Session(id=f"s{n}", operator=anna, created_at=at, expires_at=at, seen_at=at))
        )
    await accounts.set_password(anna, "another password")
    assert await engine.count(SESSIONS_OF, {"operator": anna}) == 0


async def test_the_present_password_has_to_be_known_to_change_it(
    accounts: Accounts, anna: OperatorId
) -> None:
    who = await accounts.whoami(await signed_in(accounts))
    assert who is not None
    with pytest.raises(BadValueError) as caught:
        await accounts.change_password(who, "wrong", "another password")
    assert caught.value.field == "current"


async def test_a_code_signs_in_once_and_lets_a_password_be_set(
    accounts: Accounts, anna: OperatorId
) -> None:
    code = await accounts.one_time_code(anna)
    session = await signed_in(accounts, f" {code.lower().replace('-', ' ')} ")
    who = await accounts.whoami(session)
    assert who is not None
    assert who.session.by_code
    with pytest.raises(UnauthenticatedError):
        await signed_in(accounts, code)
    fresh, now = await accounts.change_password(who, "", "another password")
    assert not now.session.by_code
    assert await accounts.whoami(session) is None
    assert await accounts.whoami(fresh) is not None


async def test_of_two_who_use_a_code_at_once_one_gets_in(
    accounts: Accounts, anna: OperatorId
) -> None:
    code = await accounts.one_time_code(anna)
    results = await asyncio.gather(
        *(signed_in(accounts, code) for _ in range(8)), return_exceptions=True
    )
    assert len([each for each in results if isinstance(each, str)]) == 1
    assert len([each for each in results if isinstance(each, UnauthenticatedError)]) == 7


async def test_a_code_ends_after_a_day_with_a_newer_one_and_with_a_password(
    accounts: Accounts, anna: OperatorId, clock: Clock
) -> None:
    late = await accounts.one_time_code(anna)
    clock.passes(hours=24)
    replaced = await accounts.one_time_code(anna)
    ended = await accounts.one_time_code(anna)
    await accounts.set_password(anna, "another password")
    for code in (late, replaced, ended):
        with pytest.raises(UnauthenticatedError):
            await signed_in(accounts, code)


async def test_a_disabled_operator_is_out_at_once(accounts: Accounts, anna: OperatorId) -> None:
    session = await signed_in(accounts)
    code = await accounts.one_time_code(anna)
    assert [operator.id for operator, _ in await accounts.members(SHOP)] == [anna]
    await accounts.disable(anna)
    assert await accounts.whoami(session) is None
    for password in (PASSWORD, code):
        with pytest.raises(UnauthenticatedError):
            await signed_in(accounts, password)
    assert await accounts.members(SHOP) == []


async def test_a_hash_that_grew_weak_is_made_anew_at_signing_in(
    accounts: Accounts, anna: OperatorId, engine: Engine, clock: Clock
) -> None:
    stronger = Accounts(engine, LocalBus(), clock, hasher=STRONG)
    before = await engine.get(Operator, anna)
    session = await signed_in(stronger)
    after = await engine.get(Operator, anna)
    assert before is not None
    assert after is not None
    assert before.password_hash != after.password_hash
    assert not STRONG.check_needs_rehash(after.password_hash)
    assert await stronger.whoami(session) is not None
    await signed_in(stronger)


async def test_a_session_seen_again_is_noted_at_most_every_five_minutes(
    accounts: Accounts, anna: OperatorId, engine: Engine, clock: Clock
) -> None:
    session = await signed_in(accounts)
    clock.passes(minutes=4)
    await accounts.whoami(session)
    [kept] = (await engine.find(SESSIONS_OF, {"operator": anna})).items
    assert kept.rev == 0
    clock.passes(minutes=1)
    await accounts.whoami(session)
    [kept] = (await engine.find(SESSIONS_OF, {"operator": anna})).items
    assert kept.seen_at == clock.at


async def test_joining_again_changes_the_role(accounts: Accounts, anna: OperatorId) -> None:
    await accounts.join(anna, SHOP, Role.ADMIN)
    who = await accounts.whoami(await signed_in(accounts))
    assert who is not None
    assert who.role(SHOP) is Role.ADMIN


async def test_name_and_language_are_the_operators_own(
    accounts: Accounts, anna: OperatorId
) -> None:
    who = await accounts.whoami(await signed_in(accounts))
    assert who is not None
    who = await accounts.rename(who, None, "en")
    assert (who.operator.name, who.operator.lang) == ("Анна", "en")
    who = await accounts.rename(who, "  Анна  Б. ", None)
    assert (who.operator.name, who.operator.lang) == ("Анна Б.", "en")


async def test_everything_is_written_down_without_secrets(
    accounts: Accounts, anna: OperatorId, engine: Engine
) -> None:
    with pytest.raises(UnauthenticatedError):
        await signed_in(accounts, "a wrong one")
    who = await accounts.whoami(await signed_in(accounts))
    assert who is not None
    await accounts.sign_out(who)
    code = await accounts.one_time_code(anna)
    await signed_in(accounts, code)
    await accounts.disable(anna)
    notes = (await engine.find(AUDIT, {"project": ""}, limit=100)).items
    joined = (await engine.find(AUDIT, {"project": SHOP})).items
    assert {note.verb for note in [*notes, *joined]} == {
        "operator.added",
        "operator.joined",
        "operator.password_set",
        "operator.sign_in_refused",
        "operator.signed_in",
        "operator.signed_out",
        "operator.code_made",
        "operator.signed_in_by_code",
        "operator.disabled",
    }
    assert all(isinstance(note, Audit) and note.target == anna for note in notes)
    for secret in (PASSWORD, code, "a wrong one"):
        assert secret not in repr(notes)


async def test_nobody_is_not_found(accounts: Accounts) -> None:
    with pytest.raises(NotFoundError):
        await accounts.set_password(OperatorId("nobody"), PASSWORD)
    assert await accounts.by_login("nobody") is None


@pytest.mark.parametrize("password", ["", "seven77", "x" * 129])
def test_a_password_too_short_or_too_long_is_refused(password: str) -> None:
    with pytest.raises(BadValueError):
        check_password(password)


@given(st.text())
def test_a_clean_login_and_name_are_printable_and_stay_as_they_are(text: str) -> None:
    for clean in (clean_login, clean_name):
        try:
            made = clean(text)
        except BadValueError:
            continue
        assert made.isprintable()
        assert clean(made) == made
