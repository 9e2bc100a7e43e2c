"""Who may do what: one function that every door asks, and nothing else decides."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from hub.accounts import Who
from hub.model import ChannelId, OperatorId, ProjectId, Role


class Right(StrEnum):
    """What a request does, as every route declares it."""

    ANYONE = "anyone"
    SELF = "self"
    SEE = "see"
    WRITE = "write"
    TAKE = "take"
    RELEASE = "release"
    OVERSEE = "oversee"
    MEND = "mend"
    ARRANGE = "arrange"


class What(msgspec.Struct, frozen=True):
    """The thing that is touched; empty fields are not asked about."""

    project: ProjectId | None = None
    channel: ChannelId | None = None
    owner: OperatorId | None = None


NOTHING = What()
_EVERY = frozenset({Right.SEE, Right.WRITE, Right.TAKE, Right.RELEASE})
_RIGHTS: dict[Role, frozenset[Right]] = {
    Role.OPERATOR: _EVERY,
    Role.SUPERVISOR: _EVERY | {Right.OVERSEE},
    Role.ADMIN: _EVERY | {Right.OVERSEE, Right.MEND, Right.ARRANGE},
}


def may(who: Who | None, verb: Right, what: What = NOTHING) -> bool:
    """Whether `who` (None is a stranger) may do that to `what`.

    A membership that names channels ends at them. An operator releases (returns, closes)
    only what is his own or nobody's; supervisors and admins whatever is in the project.
    Overseeing the hub as a whole is for whoever oversees one of its projects.
    """
    if verb is Right.ANYONE:
        return True
    if who is None:
        return False
    if verb is Right.SELF:
        return True
    if verb is Right.OVERSEE and what.project is None:
        return any(verb in _RIGHTS[each.role] for each in who.memberships.values())
    membership = who.memberships.get(what.project) if what.project else None
    if membership is None or verb not in _RIGHTS[membership.role]:
        return False
    allowed = who.channels(membership.project)
    if what.channel is not None and allowed is not None and what.channel not in allowed:
        return False
    if verb is Right.RELEASE and membership.role is Role.OPERATOR:
        return what.owner is None or what.owner == who.operator.id
    return True
