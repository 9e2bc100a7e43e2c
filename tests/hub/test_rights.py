from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hub.accounts import Who
from hub.model import ChannelId, Membership, Operator, OperatorId, ProjectId, Role, Session
from hub.rights import Right, What, may

AT = datetime(2026, 11, 20, tzinfo=UTC)
SHOP, BANK = ProjectId("shop"), ProjectId("bank")
ME, OTHER = OperatorId("me"), OperatorId("other")


def somebody(role: Role, *channels: str) -> Who:
    membership = Membership(
        id="me:shop",
        project=SHOP,
        operator=ME,
        role=role,
        channels=tuple(ChannelId(each) for each in channels),
        created_at=AT,
    )
    return Who(
        Operator(id=ME, login="me", name="Me", created_at=AT),
        Session(id="s", operator=ME, created_at=AT, expires_at=AT, seen_at=AT),
        {SHOP: membership},
    )


@pytest.mark.parametrize("right", Right)
def test_a_stranger_may_only_what_anyone_may(right: Right) -> None:
    assert may(None, right, What(SHOP)) == (right is Right.ANYONE)
    assert may(None, right) == (right is Right.ANYONE)


DAILY = set(Right) - {Right.ANYONE, Right.SELF, Right.OVERSEE, Right.MEND, Right.ARRANGE}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("right", DAILY)
def test_a_member_may_in_his_project_and_nowhere_else(role: Role, right: Right) -> None:
    who = somebody(role)
    assert may(who, right, What(SHOP))
    assert may(who, right, What(SHOP, ChannelId("site")))
    assert not may(who, right, What(BANK))
    assert not may(who, right)


@pytest.mark.parametrize(
    ("role", "right", "allowed"),
    [
        (Role.OPERATOR, Right.OVERSEE, False),
        (Role.SUPERVISOR, Right.OVERSEE, True),
        (Role.ADMIN, Right.OVERSEE, True),
        (Role.OPERATOR, Right.MEND, False),
        (Role.SUPERVISOR, Right.MEND, False),
        (Role.ADMIN, Right.MEND, True),
        (Role.SUPERVISOR, Right.ARRANGE, False),
        (Role.ADMIN, Right.ARRANGE, True),
    ],
)
def test_overseeing_and_mending_are_by_role(role: Role, right: Right, allowed: bool) -> None:
    who = somebody(role)
    assert may(who, right, What(SHOP)) is allowed
    assert not may(who, right, What(BANK))
    assert may(who, right) is (allowed and right is Right.OVERSEE)


@pytest.mark.parametrize("right", set(Right) - {Right.ANYONE, Right.SELF})
def test_a_membership_that_names_channels_ends_at_them(right: Right) -> None:
    who = somebody(Role.ADMIN, "site")
    assert may(who, right, What(SHOP, ChannelId("site")))
    assert not may(who, right, What(SHOP, ChannelId("telegram")))


@pytest.mark.parametrize(
    ("role", "owner", "allowed"),
    [
        (Role.OPERATOR, None, True),
        (Role.OPERATOR, ME, True),
        (Role.OPERATOR, OTHER, False),
        (Role.SUPERVISOR, OTHER, True),
        (Role.ADMIN, OTHER, True),
    ],
)
def test_only_who_leads_releases_what_is_anothers(
    role: Role, owner: OperatorId | None, allowed: bool
) -> None:
    assert may(somebody(role), Right.RELEASE, What(SHOP, None, owner)) is allowed
    assert may(somebody(role), Right.WRITE, What(SHOP, None, owner))
