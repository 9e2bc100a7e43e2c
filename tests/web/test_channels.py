"""Channels set up by admins: their settings, their secrets, who may, where they were seen."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace

from hub.channels.in_use import Channels
from hub.channels.port import ChannelKind
from hub.channels.setup import CHANNELS_MAX
from hub.keeping.secrets import is_sealed
from hub.model import Channel, ChannelId, Membership, Role
from hub.records import Audit
from hub.store.engine import Insert
from hub.store.schema import AUDIT
from tests.web.house import ALPHA, BETA, SHOP, Browser, Echo, EchoSettings, House, builder

SECRET = "a secret of sixteen and more"
SITE = "/projects/alpha/channels/alpha-shop"


@dataclass
class Admin:
    house: House
    browser: Browser
    path: str

    async def settings(self) -> Any:
        return await self.browser.get(f"{self.path}/settings")

    async def change(self, body: object, expect: int = 200) -> Any:
        status, told = await self.browser.ask("PATCH", f"/api/v1{self.path}/settings", body)
        assert status == expect, told
        return told

    async def wrong(self, **settings: object) -> str:
        return str((await self.change({"settings": settings}, expect=400))["field"])

    async def stored(self) -> Channel:
        document = await self.house.hub.engine.get(Channel, self.path.rpartition("/")[2])
        assert document is not None
        return document


@pytest.fixture
async def ada(house: House) -> Admin:
    """The admin of alpha with a site channel of her own making."""
    await house.operator("ada", ALPHA, Role.ADMIN)
    browser = await house.browser("ada")
    await browser.post("/projects/alpha/channels", {"kind": "site", "name": "Shop"}, expect=201)
    return Admin(house, browser, SITE)


async def test_a_new_channel_is_complete_and_served_at_once(house: House, ada: Admin) -> None:
    made = await ada.settings()
    assert (made["id"], made["kind"], made["name"]) == ("alpha-shop", "site", "Shop")
    assert (made["enabled"], made["works"], made["as_code"]) == (True, True, False)
    assert made["settings"]["origins"] == []
    assert made["settings"]["identity_secret"] == {"secret": True, "set": False}
    assert (made["seen"], made["refused"], made["public_url"]) == ([], [], ada.browser.origin)
    status, _ = await (await house.browser()).ask("GET", "/widget/alpha-shop/config")
    assert status == 200


async def test_names_that_repeat_or_say_nothing_to_an_address_still_make_ids(ada: Admin) -> None:
    ids = []
    for name in ("Shop", "Магазин", "Чат", "x" * 100, "--", "Shop"):
        made = await ada.browser.post(
            "/projects/alpha/channels", {"kind": "site", "name": name}, expect=201
        )
        ids.append(made["id"])
    assert ids[:3] == ["alpha-shop-2", "alpha-site-2", "alpha-site-3"]
    assert len(set(ids)) == 6
    assert max(map(len, ids)) <= 32


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "site"}, "name"),
        ({"kind": "site", "name": "  "}, "name"),
        ({"kind": "nothing", "name": "x"}, "kind"),
        ({"kind": "../site", "name": "x"}, "kind"),
        ({"kind": "echo", "name": "x"}, "settings.secret"),
        ({"kind": "site", "name": "x", "id": "mine"}, "id"),
    ],
)
async def test_a_channel_that_cannot_be_is_refused(ada: Admin, body: object, field: str) -> None:
    told = await ada.browser.post("/projects/alpha/channels", body, expect=400)
    assert told["field"] == field


async def test_a_project_has_room_for_so_many_channels(house: House, ada: Admin) -> None:
    for n in range(CHANNELS_MAX - 3):
        kept = replace(await ada.stored(), id=f"more-{n}", rev=0)
        await house.hub.engine.write(Insert(kept))
    told = await ada.browser.post(
        "/projects/alpha/channels", {"kind": "site", "name": "One more"}, expect=409
    )
    assert told["code"] == "channels_full"


async def test_a_change_acts_at_once_and_leaves_the_rest(house: House, ada: Admin) -> None:
    await ada.change({"settings": {"origins": [SHOP], "callback": {"text": "Позвоним"}}})
    told = await ada.change({"name": " My  shop ", "settings": {"callback": {"enabled": True}}})
    assert told["name"] == "My shop"
    assert told["settings"]["callback"] == {"enabled": True, "text": "Позвоним"}
    assert told["settings"]["origins"] == [SHOP]
    assert told == await ada.settings()
    stranger = await house.browser()
    status, config = await stranger.ask(
        "GET", "/widget/alpha-shop/config", headers={"Origin": SHOP}
    )
    assert (status, config["callback"]["text"]) == (200, "Позвоним")
    told = await ada.change({"settings": {"origins": None, "callback": {"text": None}}})
    assert told["settings"]["callback"] == {"enabled": True, "text": ""}
    status, _ = await stranger.ask("GET", "/widget/alpha-shop/config", headers={"Origin": SHOP})
    assert status == 403


async def test_switched_off_it_is_gone_for_visitors_and_there_for_admins(
    house: House, ada: Admin
) -> None:
    assert (await ada.change({"enabled": False}))["works"] is False
    status, _ = await (await house.browser()).ask("GET", "/widget/alpha-shop/config")
    assert status == 404
    items = (await ada.browser.get("/projects/alpha/channels/settings"))["items"]
    assert {each["id"]: each["works"] for each in items} == {
        "alpha-site": True,
        "alpha-echo": True,
        "alpha-shop": False,
    }
    assert (await ada.change({"enabled": True}))["works"] is True


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"colour": "#ffffff"}, "settings.colour"),
        ({"color": "red"}, "settings.color"),
        ({"theme": "pink"}, "settings.theme"),
        ({"origins": "https://x.example"}, "settings.origins"),
        ({"origins": ["https://X.example/"]}, "settings.origins"),
        ({"callback": 5}, "settings.callback"),
        ({"callback": {"enabled": "yes"}}, "settings.callback.enabled"),
        (
            {"prechat": {"fields": [{"name": "a"}, {"name": "A b"}]}},
            "settings.prechat.fields[1].name",
        ),
        (
            {"messengers": [{"kind": "vk", "url": "javascript:alert(1)"}]},
            "settings.messengers[0].url",
        ),
        ({"identity": "required"}, "settings.identity_secret"),
        ({"visitor_per_minute": 0}, "settings.visitor_per_minute"),
        ({"greeting": "x" * 501}, "settings.greeting"),
    ],
)
async def test_a_wrong_setting_is_named_and_changes_nothing(
    ada: Admin, settings: dict[str, object], field: str
) -> None:
    before = await ada.stored()
    assert await ada.wrong(**settings) == field
    assert await ada.stored() == before


@pytest.mark.parametrize(
    "body", [{"id": "x"}, {"as_code": True}, {"project": "beta"}, {"name": ""}]
)
async def test_what_is_not_a_setting_cannot_be_changed(ada: Admin, body: object) -> None:
    before = await ada.stored()
    await ada.change(body, expect=400)
    assert await ada.stored() == before


async def test_a_secret_goes_in_and_never_comes_out(house: House, ada: Admin) -> None:
    told = await ada.change({"settings": {"identity_secret": SECRET, "identity": "optional"}})
    assert told["settings"]["identity_secret"] == {"secret": True, "set": True}
    kept = (await ada.stored()).settings["identity_secret"]
    assert is_sealed(kept)
    assert SECRET not in str(kept)
    # What came back as it was shown, or not at all, stays as it is.
    await ada.change({"settings": told["settings"] | {"color": "#112233"}})
    await ada.change({"name": "Other"})
    opened = house.hub.vault.opened(await ada.stored())
    assert opened.settings["identity_secret"] == SECRET
    notes = await house.hub.engine.find(AUDIT, {"project": ALPHA}, limit=200)
    said = json.dumps([(await ada.settings()), str(notes.items)])
    assert SECRET not in said
    assert (await ada.wrong(identity_secret="")) == "settings.identity_secret"
    told = await ada.change({"settings": {"identity_secret": "", "identity": "off"}})
    assert told["settings"]["identity_secret"] == {"secret": True, "set": False}


async def test_a_refused_secret_is_not_said_back(ada: Admin) -> None:
    for secret in (SECRET * 20, [SECRET], {"x": SECRET}):
        told = await ada.change({"settings": {"identity_secret": secret}}, expect=400)
        assert "settings.identity_secret" in told["field"]
        assert SECRET not in json.dumps(told)


async def test_a_channel_kept_as_code_is_shown_and_not_changed(house: House, ada: Admin) -> None:
    code = Admin(house, ada.browser, "/projects/alpha/channels/alpha-site")
    assert (await code.settings())["as_code"] is True
    assert (await code.change({"enabled": False}, expect=409))["code"] == "as_code"
    echo = Admin(house, ada.browser, "/projects/alpha/channels/alpha-echo")
    assert (await echo.settings())["settings"] == {
        "secret": {"secret": True, "set": True},
        "note": "",
    }


async def test_who_changed_what_is_on_record_without_the_values(house: House, ada: Admin) -> None:
    await ada.change({"settings": {"title": "Заголовок", "side": "left"}, "enabled": False})
    await ada.change({"settings": {"title": "Заголовок"}})
    found = await house.hub.engine.find(AUDIT, {"project": ALPHA}, limit=200)
    notes = [each for each in found.items if each.target == "alpha-shop"]
    known = await house.hub.accounts.by_login("ada")
    assert known is not None
    assert {each.actor for each in notes} == {known.id}
    assert [(each.verb, each.data["what"]) for each in notes] == [
        ("channel_added", "site"),
        ("channel_changed", "enabled, settings.side, settings.title"),
    ]
    assert all(isinstance(each, Audit) and each.address for each in notes)


async def test_changes_made_at_once_are_all_kept(ada: Admin) -> None:
    wanted = {"title": "T", "greeting": "G", "side": "left", "answer_time": 5, "color": "#010203"}
    await asyncio.gather(*(ada.change({"settings": {k: v}}) for k, v in wanted.items()))
    kept = (await ada.settings())["settings"]
    assert {name: kept[name] for name in wanted} == wanted


async def test_settings_that_no_longer_fit_are_shown_and_can_be_mended(
    house: House, ada: Admin
) -> None:
    await house.hub.engine.change(
        Channel,
        "alpha-shop",
        lambda had: replace(had, settings={"color": "red", "origins": [SHOP]}),
    )
    assert (await ada.settings())["settings"] == {"color": "red", "origins": [SHOP]}
    told = await ada.change({"settings": {"color": None}})
    assert (told["works"], told["settings"]["origins"]) == (True, [SHOP])


async def test_only_admins_of_the_project_may(house: House, ada: Admin) -> None:
    await house.operator("sofia", ALPHA, Role.SUPERVISOR)
    await house.operator("bela", BETA, Role.ADMIN)
    for login, expect in (("anna", 403), ("sofia", 403), ("boris", 404), ("bela", 404)):
        browser = await house.browser(login)
        for method, path, body in (
            ("GET", f"{SITE}/settings", None),
            ("PATCH", f"{SITE}/settings", {"enabled": False}),
            ("POST", f"{SITE}/check", {"url": "https://shop.example"}),
            ("POST", "/projects/alpha/channels", {"kind": "site", "name": "Mine"}),
            ("GET", "/projects/alpha/channels/settings", None),
        ):
            status, _ = await browser.ask(method, f"/api/v1{path}", body)
            assert status == expect, (login, method, path)
    assert (await ada.settings())["enabled"] is True


async def test_a_channel_is_not_found_by_way_of_another_project(house: House, ada: Admin) -> None:
    await house.operator("bela", BETA, Role.ADMIN)
    bela = await house.browser("bela")
    for path in ("/projects/beta/channels/alpha-shop", "/projects/beta/channels/nothing"):
        for method, end, body in (
            ("GET", "settings", None),
            ("PATCH", "settings", {"name": "stolen"}),
            ("POST", "check", {"url": "https://shop.example"}),
        ):
            status, _ = await bela.ask(method, f"/api/v1{path}/{end}", body)
            assert status == 404
    assert (await ada.stored()).name == "Shop"


async def test_an_admin_of_some_channels_sets_up_those_and_makes_none(
    house: House, ada: Admin
) -> None:
    part = await house.operator("vera", ALPHA, Role.ADMIN)
    await house.hub.engine.change(
        Membership, f"{part.id}:alpha", lambda had: replace(had, channels=("alpha-echo",))
    )
    vera = await house.browser("vera")
    items = (await vera.get("/projects/alpha/channels/settings"))["items"]
    assert [each["id"] for each in items] == ["alpha-echo"]
    await vera.get("/projects/alpha/channels/alpha-echo/settings")
    status, _ = await vera.ask("GET", f"/api/v1{SITE}/settings")
    assert status == 404
    body = {"kind": "site", "name": "x"}
    assert (await vera.ask("POST", "/api/v1/projects/alpha/channels", body))[0] == 403


async def test_pages_that_show_the_chat_and_that_may_not_are_told(house: House, ada: Admin) -> None:
    await ada.change({"settings": {"origins": [SHOP]}})
    stranger = await house.browser()
    for origin, page in (
        (SHOP, f"{SHOP}/cart?token=personal#x"),
        ("https://thief.example", "https://thief.example/"),
    ):
        await stranger.ask(
            "GET", "/widget/alpha-shop/config", params={"p": page}, headers={"Origin": origin}
        )
    told = await ada.settings()
    assert [(each["origin"], each["page"], each["script"]) for each in told["seen"]] == [
        (SHOP, f"{SHOP}/cart", True)
    ]
    assert [each["origin"] for each in told["refused"]] == ["https://thief.example"]
    assert "personal" not in json.dumps(told)


async def test_the_preview_is_for_admins_and_in_frames_of_our_own(house: House, ada: Admin) -> None:
    await ada.change({"enabled": False})
    for browser in (
        await house.browser(),
        await house.browser("anna"),
        await house.browser("boris"),
    ):
        assert (await browser.raw("GET", "/widget/alpha-shop/preview")).status == 404
    answer = await ada.browser.raw("GET", "/widget/alpha-shop/preview")
    page = await answer.text()
    assert answer.status == 200
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in policy
    assert "connect-src 'none'" in policy
    assert '<script src="/widget.js" data-channel="alpha-shop" data-preview async>' in page
    assert (await ada.browser.raw("GET", "/widget/nothing/preview")).status == 404
    inbox = await ada.browser.raw("GET", "/inbox")
    assert "frame-src 'self'" in inbox.headers["Content-Security-Policy"]
    assert inbox.headers["X-Frame-Options"] == "DENY"


async def steps(ada: Admin, url: str) -> dict[str, tuple[bool | None, str]]:
    told = await ada.browser.post(f"{SITE}/check", {"url": url})
    return {each["step"]: (each["ok"], each["code"]) for each in told["steps"]}


async def test_a_page_on_this_machine_is_checked_from_end_to_end(ada: Admin) -> None:
    hub = ada.browser.origin

    async def home(_: web.Request) -> web.Response:
        tag = f'<script src="{hub}/widget.js" data-channel="alpha-shop" async></script>'
        policy = {"Content-Security-Policy": f"script-src {hub}; connect-src 'self'"}
        return web.Response(text=tag, content_type="text/html", headers=policy)

    app = web.Application()
    app.router.add_get("/", home)
    site = TestServer(app)
    await site.start_server()
    try:
        got = await steps(ada, str(site.make_url("/")))
        origin = str(site.make_url("/").origin())
        assert got["script"] == (True, "ok")
        assert got["csp"] == (False, "blocked")
        assert got["origin"] == (False, "missing")
        assert got["visible"] == (None, "never")
        await ada.change({"settings": {"origins": [origin]}})
        await ada.browser.ask("GET", "/widget/alpha-shop/config", headers={"Origin": origin})
        got = await steps(ada, str(site.make_url("/")))
        assert (got["origin"], got["visible"]) == ((True, "ok"), (True, "ok"))
    finally:
        await site.close()


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest/", "http://10.0.0.1/", "https://[fd00::1]/"]
)
async def test_a_check_leads_nowhere_inside(ada: Admin, url: str) -> None:
    assert (await steps(ada, url))["address"] == (False, "private")


@pytest.mark.parametrize("server_settings", [{"public_url": "http://chat.example.com"}])
async def test_a_hub_behind_a_proxy_does_not_look_at_its_own_machine(
    house: House, ada: Admin
) -> None:
    port = house.server.port
    for url in (f"http://127.0.0.1:{port}/", "http://127.0.0.1/", "http://localhost/"):
        ok, code = (await steps(ada, url))["address"]
        assert (ok, code) in ((False, "private"), (False, "port"))


async def test_who_came_through_a_proxy_is_not_near(ada: Admin) -> None:
    status, told = await ada.browser.ask(
        "POST",
        f"/api/v1{SITE}/check",
        {"url": ada.browser.origin},
        headers={"X-Forwarded-For": "8.8.8.8"},
    )
    assert (status, told["steps"][0]["ok"]) == (200, False)


async def test_pages_are_not_checked_without_end(house: House, ada: Admin) -> None:
    house.stop_the_clock()
    statuses = []
    for _ in range(25):
        answer = await ada.browser.ask("POST", f"/api/v1{SITE}/check", {"url": "no address"})
        statuses.append(answer[0])
    assert set(statuses) == {200, 429}
    assert statuses.count(200) == 20


async def test_another_process_takes_a_change_over_at_once(house: House, ada: Admin) -> None:
    hub, taken = house.hub, asyncio.Event()
    build = builder(hub.keys)

    def noticed(document: Channel) -> ChannelKind[Any]:
        if document.name == "Renamed":
            taken.set()
        return build(document)

    # Only the word from the first process can wake it in time.
    other = Channels(hub.engine, hub.bus, noticed, hub.vault, fresh=timedelta(hours=1))
    await other.refresh()
    loop = asyncio.create_task(other.run())
    try:
        await ada.change({"name": "Renamed"})
        async with asyncio.timeout(60):
            await taken.wait()
    finally:
        loop.cancel()
        await asyncio.wait([loop])


class Slow(Echo):
    """A platform that takes its time to let one in."""

    knocking: ClassVar[asyncio.Queue[Slow]]

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.lets = asyncio.Event()

    async def open(self) -> None:
        self.knocking.put_nowait(self)
        await self.lets.wait()


async def test_a_channel_is_there_while_its_settings_change(house: House) -> None:
    hub, Slow.knocking = house.hub, asyncio.Queue()

    def build(document: Channel) -> ChannelKind[Any]:
        settings = msgspec.convert(document.settings, EchoSettings)
        return Slow(ChannelId(document.id), settings, hub.keys)

    for site in ("alpha-site", "beta-site"):
        await hub.engine.change(Channel, site, lambda had: replace(had, enabled=False))
    channels = Channels(hub.engine, hub.bus, build, hub.vault)
    coming = asyncio.create_task(channels.refresh())
    first = await Slow.knocking.get()
    first.lets.set()
    await coming
    await hub.engine.change(Channel, "alpha-echo", lambda had: replace(had, name="Other"))
    coming = asyncio.create_task(channels.refresh())
    second = await Slow.knocking.get()
    assert channels.get("alpha-echo") is first
    second.lets.set()
    await coming
    assert channels.get("alpha-echo") is second


async def test_a_channel_that_could_not_be_opened_hides_no_other(house: House, ada: Admin) -> None:
    broken = Channel(
        id="alpha-broken",
        project=ALPHA,
        kind="of_a_later_program",
        name="Broken",
        created_at=house.hub.now(),
    )
    await house.hub.engine.write(Insert(broken))
    await house.hub.channels.refresh()
    shown = (await ada.browser.get("/projects/alpha/channels"))["items"]
    assert {"alpha-site", "alpha-echo", "alpha-shop"} == {each["id"] for each in shown}
    items = (await ada.browser.get("/projects/alpha/channels/settings"))["items"]
    assert {each["id"]: each["works"] for each in items}["alpha-broken"] is False
