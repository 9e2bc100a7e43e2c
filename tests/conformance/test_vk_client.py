"""Somebody else's client of VK against the played one: its models read all that it says.

vkbottle speaks to it as to VK, and vkbottle-types read each update that it brings.
"""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, web
from PIL import Image
from vkbottle import (
    API,
    AiohttpClient,
    BotPolling,
    DocMessagesUploader,
    PhotoMessageUploader,
    VKAPIError,
    VoiceMessageUploader,
)
from vkbottle.tools import Callback, Keyboard, OpenLink
from vkbottle_types.events import bot_events

from bots.platforms.platform import Blob, Person
from bots.platforms.vk import VKPlatform
from bots.platforms.vk_rules import HOOKED

READ_AS = {
    "message_new": bot_events.MessageNew,
    "message_reply": bot_events.MessageReply,
    "message_edit": bot_events.MessageEdit,
    "message_allow": bot_events.MessageAllow,
    "message_deny": bot_events.MessageDeny,
    "message_typing_state": bot_events.MessageTypingState,
    "message_read": bot_events.MessageRead,
    "message_reaction_event": bot_events.MessageReactionEvent,
    "message_event": bot_events.MessageEvent,
    "lead_forms_new": bot_events.LeadFormsNew,
}


@pytest.fixture
async def vk() -> AsyncIterator[VKPlatform]:
    made = VKPlatform()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def anna(vk: VKPlatform) -> Person:
    return vk.person("Анна Ким")


@pytest.fixture
async def api(vk: VKPlatform) -> AsyncIterator[API]:
    async with ClientSession() as session:
        made = API(vk.token, http_client=AiohttpClient(session=session))
        made.API_URL = f"{vk.url}/method/"
        yield made


def png() -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (30, 20)).save(drawn, "PNG")
    return drawn.getvalue()


async def test_it_knows_its_community_and_the_person(
    vk: VKPlatform, api: API, anna: Person
) -> None:
    [group] = (await api.groups.get_by_id()).groups or []
    assert (group.id, group.name) == (vk.group, "Магазин")
    [user] = await api.users.get(user_ids=[int(anna.id)])
    assert (user.first_name, user.last_name) == ("Анна", "Ким")


async def test_it_hears_by_long_polling_what_people_write(
    vk: VKPlatform, api: API, anna: Person
) -> None:
    await api.groups.set_long_poll_settings(
        group_id=vk.group, enabled=True, api_version="5.199", message_new=True
    )
    polling = BotPolling(api, group_id=vk.group, wait=5)
    server = await polling.get_server()
    await vk.write(anna, "Привет")
    told = await polling.get_event(server)
    [update] = told["updates"]
    event = bot_events.MessageNew(**update)
    assert event.object.message is not None
    assert event.object.message.text == "Привет"
    assert event.object.message.from_id == int(anna.id)
    vk.polling.renew()
    assert (await polling.get_event(server | {"ts": told["ts"]}))["failed"] == 2


async def test_it_says_words_buttons_and_files(vk: VKPlatform, api: API, anna: Person) -> None:
    asked = await vk.write(anna, "Привет")
    peer = int(anna.id)
    keyboard = Keyboard(inline=True)
    keyboard.add(Callback("Да", payload={"data": "yes"})).row()
    keyboard.add(OpenLink("https://shop.example", "Сайт"))
    forward = json.dumps(
        {"peer_id": peer, "conversation_message_ids": [int(asked.id)], "is_reply": True}
    )
    sent = await api.messages.send(
        peer_id=peer, random_id=5, message="Да?", keyboard=keyboard.get_json(), forward=forward
    )
    assert isinstance(sent, int)
    said = vk.shown(anna)[-1]
    assert (said.text, said.quote) == ("Да?", asked.id)
    assert [row[0][0] for row in said.buttons] == ["Да", "Сайт"]
    names = [
        await PhotoMessageUploader(api).upload(png(), peer_id=peer),
        await DocMessagesUploader(api).upload(b"%PDF", title="a.pdf", peer_id=peer),
    ]
    told = await api.messages.send(peer_ids=[peer], random_id=6, attachment=",".join(names))
    assert isinstance(told, list)
    assert str(told[0].conversation_message_id) == vk.shown(anna)[-1].id
    assert [each.data for each in vk.shown(anna)[-1].files] == [png(), b"%PDF"]
    voice = await VoiceMessageUploader(api).upload(b"OggS", title="v.ogg", peer_id=peer)
    await api.messages.send(peer_id=peer, random_id=7, attachment=voice)
    assert [each.kind for each in vk.shown(anna)[-1].files] == ["audio"]


async def test_a_random_id_twice_says_one_thing(vk: VKPlatform, api: API, anna: Person) -> None:
    await vk.write(anna, "Привет")
    first = await api.messages.send(peer_id=int(anna.id), random_id=5, message="раз")
    again = await api.messages.send(peer_id=int(anna.id), random_id=5, message="раз")
    assert first == again
    assert len(vk.shown(anna)) == 2


async def test_refusals_have_vks_numbers(vk: VKPlatform, api: API, anna: Person) -> None:
    peer = int(anna.id)
    with pytest.raises(VKAPIError[901]):
        await api.messages.send(peer_id=peer, random_id=1, message="x")
    await vk.write(anna, "Привет")
    with pytest.raises(VKAPIError[914]):
        await api.messages.send(peer_id=peer, random_id=2, message="x" * 9001)
    with pytest.raises(VKAPIError[911]):
        await api.messages.send(peer_id=peer, random_id=3, message="x", keyboard="{}")
    with pytest.raises(VKAPIError[100]):
        await api.messages.send(peer_id=peer, message="x")
    vk.replace_key()
    with pytest.raises(VKAPIError[5]) as caught:
        await api.groups.get_by_id()
    assert vk.token not in repr(caught.value)


async def test_what_was_said_can_be_changed_marked_and_taken_back(
    vk: VKPlatform, api: API, anna: Person
) -> None:
    peer = int(anna.id)
    asked = await vk.write(anna, "Привет")
    await api.messages.send(peer_id=peer, random_id=5, message="раз")
    assert await api.messages.edit(peer_id=peer, cmid=2, message="два")
    assert vk.shown(anna)[-1].text == "два"
    assert await api.messages.send_reaction(peer_id=peer, cmid=int(asked.id), reaction_id=1)
    await api.messages.mark_as_read(peer_id=peer, up_to_cmid=int(asked.id))
    assert (vk.shown(anna)[0].reactions, vk.shown(anna)[0].read) == (("❤",), True)
    [gone] = await api.messages.delete(peer_id=peer, cmids=[2], delete_for_all=True)
    assert gone.response
    assert len(vk.shown(anna)) == 1


async def test_each_update_that_is_brought_is_one_that_their_types_know(
    vk: VKPlatform, api: API, anna: Person
) -> None:
    came: list[dict[str, Any]] = []

    async def take(request: web.Request) -> web.Response:
        told = await request.json()
        came.append(told)
        return web.Response(text=vk.code if told["type"] == "confirmation" else "ok")

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        made = await api.groups.add_callback_server(
            group_id=vk.group,
            url=f"http://127.0.0.1:{runner.addresses[0][1]}/hook",
            title="theirs",
            secret_key="s3",
        )
        await vk.settled()
        [server] = (await api.groups.get_callback_servers(group_id=vk.group)).items
        assert (server.id, server.status.value) == (made.server_id, "ok")
        settings: dict[str, Any] = dict.fromkeys(HOOKED.split(), True)
        await api.groups.set_callback_settings(
            group_id=vk.group, server_id=server.id, api_version="5.199", **settings
        )
        await everything(vk, anna)
        await api.messages.send(peer_id=int(anna.id), random_id=5, message="раз")
        await vk.settled()
    finally:
        await runner.cleanup()
    assert {each["secret"] for each in came} == {"s3"}
    assert {each["type"] for each in came} == {"confirmation", *READ_AS}
    for each in came:
        if each["type"] != "confirmation":
            read = READ_AS[each["type"]](**each)
            assert read.object is not None
            assert (read.group_id, read.event_id) == (vk.group, each["event_id"])


async def everything(vk: VKPlatform, anna: Person) -> None:
    """One of each thing that a person does at VK."""
    await vk.begin(anna, "key-of-a-link")
    said = await vk.write(anna, "Привет")
    await vk.write(anna, "это", quote=said.id)
    for blob in (
        Blob("a.png", "image/png", png(), "image"),
        Blob("a.pdf", "application/pdf", b"%PDF"),
        Blob("v.ogg", "audio/ogg", b"OggS", "audio"),
    ):
        await vk.send_file(anna, blob)
    await vk.send_place(anna, 56.8587, 35.9176)
    await vk.rewrite(anna, said.id, "Здравствуйте")
    await vk.type(anna)
    answer = await vk.staff_reply(anna, "Добрый день")
    await vk.read(anna)
    await vk.react(anna, answer.id, "👍")
    await vk.react(anna, answer.id, "")
    made = vk.messages[int(anna.id)][int(answer.id)]
    action = {"type": "callback", "label": "Да", "payload": '{"data":"yes"}'}
    made["keyboard"] = {"inline": True, "one_time": False, "buttons": [[{"action": action}]]}
    await vk.press(anna, answer.id, '{"data":"yes"}')
    await vk.fill_form(anna, "Заявка", {"phone_number": "+79991234567", "custom_0": "Ремонт"})
    await vk.block(anna)
    await vk.block(anna, blocked=False)
