"""Operators, their passwords and their sessions, read from the store at every request.

Of a session id and of a one-time code only the hash is kept. Whatever ends a session (a
new password, a sign-out, a disabled operator) deletes or overrules its document, so the
next request of it is a stranger's.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec.structs import replace

from hub.audits import audited
from hub.bus import Bus
from hub.errors import (
    BadValueError,
    ConflictError,
    LimitedError,
    NotFoundError,
    UnauthenticatedError,
)
from hub.events import AccessChanged
from hub.legible import legible
from hub.model import (
    ChannelId,
    Membership,
    Operator,
    OperatorId,
    ProjectId,
    Role,
    Session,
)
from hub.statuses import Lang
from hub.store.engine import AbsentError, Engine, Insert, TakenError
from hub.store.schema import MEMBERS, MEMBERSHIPS_OF, OPERATORS_BY_LOGIN, SESSIONS_OF

PASSWORD_MIN = 8
PASSWORD_MAX = 128
LOGIN_MAX = 64
NAME_MAX = 120
CODE_LASTS = timedelta(hours=24)
SEEN_EVERY = timedelta(minutes=5)
TRIES_PERIOD = timedelta(minutes=15)
TRIES_LOGIN = 20
TRIES_ADDRESS = 100
TRIES_EVERYWHERE = 400

# OWASP's second argon2id setting with more rounds: a guess costs 19 MiB and some 30 ms.
HASHER = PasswordHasher(time_cost=3, memory_cost=19 * 1024, parallelism=1)
_CODE_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
_HASHING_AT_ONCE = 2


class WrongPasswordError(BadValueError):
    """The current password is another one."""

    code = "wrong_password"


@dataclass(frozen=True)
class Who:
    """Somebody signed in, with what the store says of them at this moment."""

    operator: Operator
    session: Session
    memberships: Mapping[ProjectId, Membership]

    @property
    def id(self) -> OperatorId:
        return OperatorId(self.operator.id)

    def role(self, project: ProjectId) -> Role | None:
        """The role in that project, None for a stranger to it."""
        membership = self.memberships.get(project)
        return membership.role if membership else None

    def channels(self, project: ProjectId) -> frozenset[ChannelId] | None:
        """The only channels that may be seen there; None is every channel."""
        membership = self.memberships.get(project)
        if membership is None:
            return frozenset()
        return frozenset(membership.channels) or None


class Accounts:
    """Everything about who somebody is; what they may do is `hub.rights`."""

    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        now: Callable[[], datetime],
        session_lasts: timedelta = timedelta(days=30),
        hasher: PasswordHasher = HASHER,
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._now = now
        self._session_lasts = session_lasts
        self._hasher = hasher
        self._hashing = asyncio.Semaphore(_HASHING_AT_ONCE)
        self._decoy = ""

    async def add_operator(
        self, login: str, name: str, *, lang: Lang = "ru", by: str = "hub"
    ) -> Operator:
        """Adds somebody who cannot sign in yet; ConflictError("login_taken")."""
        now = self._now()
        operator = Operator(
            id=secrets.token_hex(8),
            login=clean_login(login),
            name=clean_name(name) if name.strip() else clean_login(login),
            lang=lang,
            created_at=now,
        )
        try:
            note = audited(now, by, "operator.added", operator.id)
            await self._engine.write(Insert(operator), note)
        except TakenError:
            raise ConflictError("login_taken") from None
        return operator

    async def join(
        self, operator: OperatorId, project: ProjectId, role: Role, *, by: str = "hub"
    ) -> Membership:
        """Makes the operator a member of the project, or changes the role there."""
        now = self._now()
        membership = Membership(
            id=f"{operator}:{project}",
            project=project,
            operator=operator,
            role=role,
            created_at=now,
        )
        note = audited(now, by, "operator.joined", operator, project, role=role.value)
        try:
            await self._engine.write(Insert(membership), note)
        except TakenError:
            membership = await self._engine.change(
                Membership, membership.id, lambda had: replace(had, role=role)
            )
            await self._engine.write(note)
        await self._tell(operator)
        return membership

    async def by_login(self, login: str) -> Operator | None:
        page = await self._engine.find(
            OPERATORS_BY_LOGIN, {"login": login.strip().lower()}, limit=1
        )
        return page.items[0] if page.items else None

    async def members(self, project: ProjectId) -> list[tuple[Operator, Membership]]:
        """Who works in the project, at most 1,000, without the disabled."""
        page = await self._engine.find(MEMBERS, {"project": project}, limit=1_000)
        known = await self._engine.get_many(Operator, [each.operator for each in page.items])
        return [
            (known[each.operator], each)
            for each in page.items
            if each.operator in known and known[each.operator].disabled_at is None
        ]

    async def one_time_code(self, operator: OperatorId, *, by: str = "hub") -> str:
        """A code that signs in once within 24 hours; an earlier one stops working."""
        letters = [secrets.choice(_CODE_LETTERS) for _ in range(12)]
        code = "-".join("".join(letters[at : at + 4]) for at in (0, 4, 8))
        now = self._now()
        until = now + CODE_LASTS
        await self._change(
            operator, lambda had: replace(had, code_hash=_hash(_code(code)), code_until=until)
        )
        await self._engine.write(audited(now, by, "operator.code_made", operator))
        return code

    async def disable(self, operator: OperatorId, *, by: str = "hub") -> None:
        """Shuts the operator out at once; what he did stays his."""
        at = self._now()
        await self._change(operator, lambda had: replace(had, disabled_at=had.disabled_at or at))
        await self._end_sessions(operator)
        await self._tell(operator)
        await self._engine.write(audited(at, by, "operator.disabled", operator))

    async def sign_in(
        self, login: str, password: str, *, address: str, agent: str = ""
    ) -> tuple[str, Who]:
        """The new session's id, told only here, and who it belongs to.

        Raises UnauthenticatedError after the same work whether or not the login exists, and
        LimitedError when the login or the address was tried too often.
        """
        login = login.strip().lower()[:LOGIN_MAX]
        # One address alone can neither guess long nor shut an operator out of his account:
        # it spends its own tries long before those that everybody has together.
        source = source_of(address)
        await self._limit(f"sign-in:address:{source}", TRIES_ADDRESS)
        await self._limit(f"sign-in:login:{_hash(login)}:{source}", TRIES_LOGIN)
        await self._limit(f"sign-in:login:{_hash(login)}", TRIES_EVERYWHERE)
        operator = await self.by_login(login)
        if operator is not None and await self._spend_code(operator, password):
            return await self._begin(operator, address, agent, by_code=True)
        if len(password) > PASSWORD_MAX:
            password = ""
        matches = await self._matches(operator.password_hash if operator else "", password)
        if operator is None or not matches or operator.disabled_at is not None:
            target = operator.id if operator else ""
            note = audited(self._now(), target, "operator.sign_in_refused", target, address=address)
            await self._engine.write(note)
            raise UnauthenticatedError("wrong login or password")
        if self._hasher.check_needs_rehash(operator.password_hash):
            stronger = await self._hash_password(password)
            weaker = operator.password_hash
            await self._change(
                OperatorId(operator.id),
                lambda had: (
                    replace(had, password_hash=stronger) if had.password_hash == weaker else None
                ),
            )
        return await self._begin(operator, address, agent, by_code=False)

    async def whoami(self, session_id: str) -> Who | None:
        """Whom the session belongs to; None if it is over, by whatever cause."""
        return await self.recheck(_hash(session_id)) if session_id else None

    async def known(self, operator: OperatorId) -> Who | None:
        """The operator as the store has it, where something else than a session says who it is."""
        found = await self._engine.get(Operator, operator)
        if found is None or found.disabled_at is not None:
            return None
        now = self._now()
        nowhere = Session(id="", operator=operator, created_at=now, expires_at=now, seen_at=now)
        return Who(found, nowhere, await self._memberships(operator))

    async def recheck(self, session_hash: str) -> Who | None:
        """`whoami` for one who kept only the hash, such as a socket."""
        session = await self._engine.get(Session, session_hash)
        now = self._now()
        if session is None or session.expires_at <= now:
            return None
        operator = await self._engine.get(Operator, session.operator)
        if operator is None or operator.disabled_at is not None:
            return None
        if now - session.seen_at >= SEEN_EVERY:
            try:
                session = await self._engine.change(
                    Session, session_hash, lambda had: replace(had, seen_at=now)
                )
            except AbsentError:
                return None
        return Who(operator, session, await self._memberships(session.operator))

    async def sign_out(self, who: Who, *, address: str = "") -> None:
        await self._engine.delete_if(Session, who.session.id, lambda _: True)
        await self._tell(who.id)
        note = audited(self._now(), who.id, "operator.signed_out", who.id, address=address)
        await self._engine.write(note)

    async def set_password(self, operator: OperatorId, password: str, *, by: str = "hub") -> None:
        """Sets it and ends every session of the operator."""
        check_password(password)
        made = await self._hash_password(password)
        await self._change(
            operator,
            lambda had: replace(had, password_hash=made, code_hash="", code_until=None),
        )
        await self._end_sessions(operator)
        await self._tell(operator)
        await self._engine.write(audited(self._now(), by, "operator.password_set", operator))

    async def change_password(
        self, who: Who, current: str, new: str, *, address: str = ""
    ) -> tuple[str, Who]:
        """As `set_password`, by the operator himself, who goes on in a new session.

        `current` is not asked for after signing in by a code.
        """
        check_password(new)
        if not who.session.by_code:
            await self._limit(f"password:{who.id}", TRIES_LOGIN)
            if not await self._matches(who.operator.password_hash, current[: PASSWORD_MAX + 1]):
                raise WrongPasswordError(field="current")
        await self.set_password(who.id, new, by=who.id)
        return await self._begin(who.operator, address, who.session.agent, by_code=False)

    async def rename(self, who: Who, name: str | None, lang: Lang | None) -> Who:
        operator = await self._change(
            who.id,
            lambda had: replace(
                had,
                name=had.name if name is None else clean_name(name),
                lang=lang or had.lang,
            ),
        )
        return Who(operator, who.session, who.memberships)

    async def set_email(self, who: Who, email: str, *, address: str = "") -> Who:
        """Where letters to the operator go; empty for nowhere."""
        operator = await self._change(who.id, lambda had: replace(had, email=email))
        note = audited(self._now(), who.id, "operator.email_set", who.id, address=address)
        await self._engine.write(note)
        return Who(operator, who.session, who.memberships)

    async def _begin(
        self, operator: Operator, address: str, agent: str, *, by_code: bool
    ) -> tuple[str, Who]:
        now = self._now()
        session_id = secrets.token_urlsafe(32)
        session = Session(
            id=_hash(session_id),
            operator=OperatorId(operator.id),
            created_at=now,
            expires_at=now + self._session_lasts,
            seen_at=now,
            by_code=by_code,
            agent=legible(agent)[:200],
        )
        verb = "operator.signed_in_by_code" if by_code else "operator.signed_in"
        note = audited(now, operator.id, verb, operator.id, address=address)
        await self._engine.write(Insert(session), note)
        known = await self._engine.get(Operator, operator.id) or operator
        return session_id, Who(known, session, await self._memberships(session.operator))

    async def _memberships(self, operator: OperatorId) -> dict[ProjectId, Membership]:
        page = await self._engine.find(MEMBERSHIPS_OF, {"operator": operator}, limit=500)
        return {each.project: each for each in page.items}

    async def _end_sessions(self, operator: OperatorId) -> None:
        while True:
            page = await self._engine.find(SESSIONS_OF, {"operator": operator}, limit=200)
            for session in page.items:
                await self._engine.delete_if(Session, session.id, lambda _: True)
            if page.next is None:
                return

    async def _tell(self, operator: OperatorId) -> None:
        """Has his sockets look again on every process; what is not heard is seen at a ping."""
        await self._bus.announce(AccessChanged(project=ProjectId(""), operator=operator))

    async def _spend_code(self, operator: Operator, given: str) -> bool:
        """Whether it is the operator's code; of two who use it at once, one succeeds."""
        hashed, now = _hash(_code(given)), self._now()

        def spend(had: Operator) -> Operator:
            if (
                had.disabled_at is not None
                or had.code_until is None
                or had.code_until <= now
                or not hmac.compare_digest(had.code_hash, hashed)
            ):
                raise UnauthenticatedError
            return replace(had, code_hash="", code_until=None)

        # Looked at before anything is asked of the store, so that a pending code takes no
        # longer to miss than none.
        if not hmac.compare_digest(operator.code_hash, hashed):
            return False
        try:
            await self._engine.change(Operator, operator.id, spend)
        except (UnauthenticatedError, AbsentError):
            return False
        return True

    async def _matches(self, hashed: str, password: str) -> bool:
        if not hashed and not self._decoy:
            self._decoy = await self._hash_password(secrets.token_urlsafe())
        real = bool(hashed)
        async with self._hashing:
            return await asyncio.to_thread(self._verify, hashed or self._decoy, password) and real

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _hash_password(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def _limit(self, key: str, tries: int) -> None:
        wait = await self._bus.allow(key, tries, TRIES_PERIOD)
        if wait is not None:
            raise LimitedError(wait)

    async def _change(
        self, operator: OperatorId, how: Callable[[Operator], Operator | None]
    ) -> Operator:
        try:
            return await self._engine.change(Operator, operator, how)
        except AbsentError:
            raise NotFoundError("there is no such operator") from None


def check_password(password: str) -> None:
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise BadValueError(
            f"a password has {PASSWORD_MIN} to {PASSWORD_MAX} characters", field="new"
        )


def clean_login(login: str) -> str:
    login = login.strip().lower()
    if not login or len(login) > LOGIN_MAX or not login.isprintable() or " " in login:
        raise BadValueError(f"a login has 1 to {LOGIN_MAX} characters, no spaces", field="login")
    return login


def clean_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > NAME_MAX or not name.isprintable():
        raise BadValueError(f"a name has 1 to {NAME_MAX} characters", field="name")
    return name


def source_of(address: str) -> str:
    """What limits count as one place: an IPv4 address, or the network an IPv6 one is free in."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if isinstance(known, IPv6Address):
        return str(ip_network((known, 64), strict=False))
    return str(known)


def _code(given: str) -> str:
    """A code as it is compared: people type it with other dashes, spaces and in small letters."""
    return "".join(letter for letter in given[:64].upper() if letter.isalnum())


def _hash(text: str) -> str:
    # A stranger's cookie may hold halves of characters.
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
