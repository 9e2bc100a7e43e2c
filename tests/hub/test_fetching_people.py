"""Who wrote is asked of the platform: names and faces, brought as files are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from hub.channels.port import Profile
from hub.content import Remote
from hub.errors import TransientError
from hub.files import fetching
from hub.files.arrivals import PICTURE_MAX_BYTES
from hub.hub import Hub
from hub.model import Contact, Dialog, File, Identity, IdentityId, Verb
from hub.store.schema import FETCHES_DUE, FILES
from tests.hub.faraway import HTML, MAX_BYTES, PNG, Far, far, hub_over, promises, work
from tests.spine import SHOP, Clock, Crash, Mortal, all_of, ask, current, log_of


@pytest.fixture
async def hub(mortal: Mortal, tmp_path: Path, clock: Clock) -> Hub:
    return await hub_over(mortal, clock, tmp_path)


@pytest.fixture
def tg(hub: Hub) -> Far:
    return far(hub)


async def meets(hub: Hub, visitor: str = "ivan") -> Identity:
    """Somebody writes, without a name, and the platform is asked who it is."""
    row = await ask(hub, "hello", visitor=visitor, channel="tg")
    await fetching.introduce(hub.engine, far(hub), row.identity, SHOP, hub.now())
    await work(hub)
    identity = await hub.engine.get(Identity, row.identity)
    assert identity is not None
    return identity


async def nameless(hub: Hub) -> None:
    """The platform of these tests tells no names with the messages."""
    for of in (Identity, Contact):
        await hub.engine.change(of, "tg:ivan", lambda had: replace(had, name=""))
    row = await current(hub, channel="tg")
    await hub.engine.change(Dialog, row.id, lambda had: replace(had, name=""))


async def test_who_wrote_is_asked_of_the_platform(hub: Hub, tg: Far) -> None:
    tg.profiles["ivan"] = Profile(
        name="Иван \0Петров", username="vanya", picture=Remote(ref="me", kind="file")
    )
    tg.lies("me", PNG)
    await ask(hub, "hello", channel="tg")
    await nameless(hub)
    identity = await meets(hub)
    assert (identity.name, identity.username) == ("Иван Петров", "vanya")
    picture = await hub.engine.get(File, identity.picture)
    assert picture is not None
    assert (picture.kind, picture.used, picture.used_by) == ("image", True, identity.id)
    contact = await hub.engine.get(Contact, identity.contact)
    assert contact is not None
    assert contact.name == "Иван Петров"
    row = await current(hub, channel="tg")
    assert row.name == "Иван Петров"
    [line] = [each for each in await log_of(hub.engine, row.id) if each.verb is Verb.FIELDS]
    assert line.data == {"name": "Иван Петров"}
    assert await promises(hub, of_people=True) == []


async def test_nobody_is_asked_about_twice_a_day(hub: Hub, tg: Far, clock: Clock) -> None:
    tg.profiles["ivan"] = Profile(name="Иван")
    for _ in range(3):
        await meets(hub)
        clock.forward(timedelta(hours=8))
    assert tg.met == ["ivan"]
    await meets(hub)
    assert tg.met == ["ivan", "ivan"]


async def test_a_new_picture_takes_the_place_of_the_old_one(
    hub: Hub, tg: Far, clock: Clock
) -> None:
    ids = []
    for ref in ("me", "new me", "new me"):
        tg.profiles["ivan"] = Profile(picture=Remote(ref=ref))
        tg.lies(ref, PNG)
        ids.append((await meets(hub)).picture)
        clock.forward(timedelta(days=1))
    assert ids[0] != ids[1] == ids[2]
    found = await hub.engine.get_many(File, ids)
    assert (found[ids[0]].used, found[ids[1]].used) == (False, True)
    assert tg.asked.count("new me") == 1


@pytest.mark.parametrize("body", [HTML, b"x" * (MAX_BYTES + 1)], ids=["a page", "too large"])
async def test_a_picture_that_is_none_is_left_out(hub: Hub, tg: Far, body: bytes) -> None:
    tg.profiles["ivan"] = Profile(name="Иван", picture=Remote(ref="me"))
    tg.lies("me", body)
    identity = await meets(hub)
    assert (identity.picture, identity.met_at) == ("", hub.now())


async def test_a_picture_has_a_limit_of_its_own(
    mortal: Mortal, tmp_path: Path, clock: Clock
) -> None:
    hub = await hub_over(mortal, clock, tmp_path, most=2 * PICTURE_MAX_BYTES)
    tg = far(hub)
    tg.profiles["ivan"] = Profile(name="Иван", picture=Remote(ref="me"))

    async def endless() -> AsyncIterator[bytes]:
        yield PNG
        for _ in range(PICTURE_MAX_BYTES // 1_000_000):
            yield b"\0" * 1_000_000

    tg.lies("me", endless)
    assert (await meets(hub)).picture == ""


async def test_a_name_that_is_known_stays(hub: Hub, tg: Far) -> None:
    tg.profiles["ivan"] = Profile(name="Vanya")
    await meets(hub)
    row = await current(hub, channel="tg")
    contact = await hub.engine.get(Contact, row.contact)
    assert contact is not None
    assert (row.name, contact.name) == ("Иван", "Иван")
    assert not [each for each in await log_of(hub.engine, row.id) if each.verb is Verb.FIELDS]


async def test_a_platform_that_tells_nothing_is_left_alone_for_a_day(
    hub: Hub, tg: Far, clock: Clock
) -> None:
    tg.profiles["ivan"] = TransientError("502")
    for _ in range(10):
        await meets(hub)
        clock.forward(timedelta(hours=1))
    assert len(tg.met) == fetching.PROFILE_TRIES_MAX
    assert await promises(hub, of_people=True) == []


async def test_a_kind_without_profiles_is_not_asked(hub: Hub) -> None:
    await ask(hub, channel="site")
    await fetching.introduce(
        hub.engine, hub.channels.get("site"), IdentityId("site:ivan"), SHOP, hub.now()
    )
    assert await all_of(hub.engine, FETCHES_DUE, {"channel": "site"}) == []


@pytest.mark.parametrize("die_at", range(8))
async def test_whatever_write_it_dies_at_the_person_is_known(
    hub: Hub, tg: Far, mortal: Mortal, die_at: int, clock: Clock
) -> None:
    tg.profiles["ivan"] = Profile(name="Иван", picture=Remote(ref="me"))
    tg.lies("me", PNG)
    await ask(hub, "hello", channel="tg")
    await nameless(hub)
    await fetching.introduce(hub.engine, tg, IdentityId("tg:ivan"), SHOP, hub.now())
    mortal.dies_after(die_at)
    try:
        await work(hub)
    except Crash:
        pass
    finally:
        mortal.lives()
    await hub.fetching.recover()
    await work(hub)
    identity = await hub.engine.get(Identity, "tg:ivan")
    assert identity is not None
    assert (await current(hub, channel="tg")).name == identity.name == "Иван"
    [picture] = await all_of(hub.engine, FILES, {"project": SHOP})
    assert (picture.id, picture.used) == (identity.picture, True)
    assert await promises(hub, of_people=True) == []
