"""VK's adapter against the played VK: how updates come, and whose community it is."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from aiohttp import web

from bots.platforms.platform import Blob, Person
from bots.platforms.vk import VKPlatform
from bots.platforms.vk_bringing import Server
from bots.vk import VK, VKSettings
from hub.channels.port import Account, Hook, Profile
from hub.content import Remote
from hub.errors import RejectedError, TransientError
from hub.events import ChannelEvent, FormFilled, MessageReceived, TypingNoticed
from hub.keeping.keys import Keys
from tests.bots.contract import AT, KEYS
from tests.bots.door import open_door
from tests.bots.house import serving
from tests.bots.vk.house import (
    GROUP,
    ID,
    recorded,
    silent,
)


class TestHook:
    async def test_it_is_set_confirmed_looked_at_and_taken_off(
        self, vk: VKPlatform, channel: VK, anna: Person
    ) -> None:
        async with open_door(channel) as door:
            vk.callbacks.servers[5] = foreign = Server(5, "https://crm.example/vk", "CRM", "s")
            await channel.set_hook(door.url)
            state = await channel.hook()
            assert (state.url, state.error) == (door.url, "")
            calls = len(vk.calls)
            await channel.set_hook(door.url)
            assert all("add" not in method for method, _ in vk.calls[calls:])
            await vk.write(anna, "Привет")
            await vk.fill_form(anna, "Заявка", {"phone_number": "+79991234567"})
            await vk.settled()
            assert {type(each) for each in door.events} >= {MessageReceived, FormFilled}
            await channel.drop_hook()
            assert list(vk.callbacks.servers.values()) == [foreign]
            assert (await channel.hook()).url == ""

    async def test_the_word_that_vk_wants_to_hear_is_asked_for_at_that_moment(
        self, vk: VKPlatform, channel: VK
    ) -> None:
        for vk.code in ("a1b2c3d4", "ffff0000"):
            assert (await channel.answer(recorded("confirmation"))).text == vk.code
        assert (await channel.answer(recorded("text"))).text == "ok"

    @pytest.mark.parametrize("code", ["remove", "", "<html>"])
    async def test_vk_is_never_told_to_remove_the_hook(
        self, vk: VKPlatform, channel: VK, code: str
    ) -> None:
        vk.code = code
        with pytest.raises(TransientError):
            await channel.answer(recorded("confirmation"))

    async def test_an_address_that_does_not_answer_is_told_so_and_put_right_later(
        self, vk: VKPlatform, channel: VK
    ) -> None:
        with pytest.raises(RejectedError) as caught:
            await channel.set_hook("http://127.0.0.1:9/hooks/x")
        assert caught.value.reason == "no_public_address"
        assert (await channel.hook()).error == "failed"
        async with open_door(channel) as door:
            await channel.set_hook(door.url)
            assert [each.url for each in vk.callbacks.servers.values()] == [door.url]

    async def test_after_the_hubs_keys_were_changed_the_hook_gets_the_new_secret(
        self, vk: VKPlatform
    ) -> None:
        fresh, old = bytes(range(1, 33)), bytes(range(32))
        before = VK(ID, msgspec.convert(vk.settings(), VKSettings), Keys(old))
        after = VK(ID, msgspec.convert(vk.settings(), VKSettings), Keys(fresh, old))
        async with open_door(after) as door:
            await before.set_hook(door.url)
            assert (await after.hook()).url == door.url
            await after.set_hook(door.url)
            [server] = vk.callbacks.servers.values()
            assert server.secret == Keys(fresh).sign("hook", ID)
        await before.close()
        await after.close()

    async def test_an_update_that_was_not_taken_comes_again_with_a_count(
        self, vk: VKPlatform, channel: VK, anna: Person
    ) -> None:
        async with open_door(channel) as door:
            await channel.set_hook(door.url)
            door.away = 3
            await vk.write(anna, "Привет")
            await vk.settled()
            said = [each.text for each in door.events if isinstance(each, MessageReceived)]
            assert said == ["Привет"]
            assert sum(status == 503 for _, status, _ in vk.callbacks.answers) == 3


class TestPolling:
    async def test_nothing_is_lost_between_two_questions(
        self, vk: VKPlatform, channel: VK, anna: Person
    ) -> None:
        first = await channel.poll("")
        assert first.bodies == ()
        for n in range(5):
            await vk.write(anna, f"слово {n}")
        marker = first.marker
        said: list[ChannelEvent] = []
        while len(said) < 5:
            told = await channel.poll(marker)
            # As after a crash before the marker was kept.
            assert (await channel.poll(marker)).bodies == told.bodies
            marker = told.marker
            for body in told.bodies:
                said += channel.parse(Hook(body=body, received_at=AT))
        texts = [each.text for each in said if isinstance(each, MessageReceived)]
        assert texts == [f"слово {n}" for n in range(5)]

    async def test_a_changed_key_loses_nothing_and_a_gap_goes_on_from_what_is_left(
        self, vk: VKPlatform, channel: VK, anna: Person
    ) -> None:
        marker = (await channel.poll("")).marker
        await vk.write(anna, "первое")
        vk.polling.renew()
        told = await channel.poll(marker)
        assert told.bodies == ()
        told = await channel.poll(told.marker)
        assert "первое" in told.bodies[0].decode()
        old = marker
        vk.polling.forget()
        told = await channel.poll(
            msgspec.json.encode(msgspec.json.decode(old) | {"key": vk.polling.key}).decode()
        )
        assert told.bodies == ()
        await vk.write(anna, "второе")
        told = await channel.poll(told.marker)
        assert "второе" in told.bodies[0].decode()

    @pytest.mark.parametrize("marker", ["{", "[]", '{"ts": 5}', '{"server": "x"}'])
    async def test_a_spoilt_marker_begins_anew(self, channel: VK, marker: str) -> None:
        told = await channel.poll(marker)
        assert "server" in told.marker

    async def test_when_vk_moves_what_is_asked_the_new_place_is_asked_from_where_we_were(
        self, vk: VKPlatform, channel: VK, anna: Person
    ) -> None:
        at = msgspec.json.decode((await channel.poll("")).marker, type=dict[str, str])
        await vk.write(anna, "слово")
        gone = msgspec.json.encode(at | {"server": f"{vk.url}/gone"}).decode()
        for _ in range(2):
            gone = (await channel.poll(gone)).marker
        assert msgspec.json.decode(gone) == at
        assert (await channel.poll(gone)).bodies

    async def test_trouble_of_the_place_that_is_asked_is_trouble(
        self, vk: VKPlatform, channel: VK
    ) -> None:
        marker = (await channel.poll("")).marker
        vk.fail("502_page", method="a_check")
        with pytest.raises(TransientError):
            await channel.poll(marker)

    @pytest.mark.parametrize("answer", ["[]", "<html>", '{"failed": 3}', '{"updates": null}'])
    async def test_an_odd_answer_neither_ends_nor_doubles_anything(self, answer: str) -> None:
        async def take(request: web.Request) -> web.Response:
            if request.path == "/wh1":
                return web.Response(text=answer)
            told = {"server": f"http://{request.host}/wh1", "key": "k", "ts": 7}
            return web.json_response({"response": told})

        async with serving(take) as url:
            channel = VK(ID, VKSettings(token="t", group_id=GROUP, api_url=url), KEYS)
            marker = (await channel.poll("")).marker
            try:
                told = await channel.poll(marker)
            except TransientError:
                assert answer in ("[]", "<html>")
            else:
                assert (told.bodies, told.marker) == ((), marker)
            await channel.close()

    async def test_a_marker_leads_nowhere_but_to_vk(self, channel: VK) -> None:
        marker = {"server": "https://evil.example/wh", "key": "k", "ts": "1"}
        with pytest.raises(RejectedError):
            await channel.poll(msgspec.json.encode(marker).decode())

    async def test_a_question_waits_until_something_happens(
        self, vk: VKPlatform, channel: VK, anna: Person
    ) -> None:
        marker = (await channel.poll("")).marker
        waits = asyncio.create_task(channel.poll(marker))
        await vk.wait_for(lambda: vk.calls[-1][0] == "a_check")
        assert not waits.done()
        await vk.type(anna)
        [body] = (await waits).bodies
        assert isinstance(channel.parse(Hook(body=body, received_at=AT))[0], TypingNoticed)


class TestPeople:
    async def test_names_come_from_the_profile(self, channel: VK) -> None:
        assert await channel.profile("77") == Profile(name="Анна Ким", username="anna")
        assert await channel.profile("78") is None
        assert await channel.profile("form:6:1") is None

    async def test_the_key_is_of_the_community_that_it_is_said_to_be(
        self, vk: VKPlatform, channel: VK
    ) -> None:
        account = await channel.account()
        assert isinstance(account, Account)
        assert (account.name, account.username) == ("Магазин", vk.screen_name)
        assert account.picture is not None
        data = b"".join([each async for each in channel.fetch(account.picture)])
        assert data.startswith(b"\x89PNG")
        vk.group = 99
        with pytest.raises(RejectedError) as caught:
            await channel.account()
        assert caught.value.reason == "misconfigured"

    def test_links_carry_a_key_or_none(self) -> None:
        assert silent().join_link("shop", "k1") == "https://vk.me/shop?ref=k1"
        assert silent().join_link("shop", "") == "https://vk.me/shop"
        assert silent().join_link("", "k1") == ""

    async def test_files_are_fetched_from_vk_alone(
        self, vk: VKPlatform, channel: VK, anna: Person
    ) -> None:
        marker = (await channel.poll("")).marker
        await vk.send_file(anna, Blob("voice.ogg", "audio/ogg", b"OggS" * 9, "audio"))
        [body] = [each for each in (await channel.poll(marker)).bodies if b"message_new" in each]
        [event] = channel.parse(Hook(body=body, received_at=AT))
        assert isinstance(event, MessageReceived)
        assert b"".join([each async for each in channel.fetch(event.media[0])]) == b"OggS" * 9
        for ref in ("http://169.254.169.254/", "https://userapi.com.evil.example/a"):
            with pytest.raises(RejectedError):
                async for _ in channel.fetch(Remote(ref=ref)):
                    pass
