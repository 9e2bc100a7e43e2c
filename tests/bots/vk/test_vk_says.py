"""VK's adapter against the played VK: what it says, and what goes wrong in saying it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from bots.platforms.platform import Person
from bots.platforms.vk import VKPlatform
from bots.vk import VK, VKSettings
from bots.vkontakte.errors import meant
from bots.vkontakte.words import payload
from hub.channels.port import Draft, Hook
from hub.content import Button
from hub.errors import (
    CredentialsError,
    DeliveryError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from hub.events import MessageReceived
from hub.model import Attachment, FileId
from tests.bots.contract import AT, KEYS, identity
from tests.bots.house import serving
from tests.bots.vk.house import (
    GROUP,
    ID,
    TO,
    TOKEN,
    Shelf,
    connected,
    played,
    png,
    silent,
)


class TestSending:
    async def test_words_buttons_and_a_quote_arrive(
        self, vk: VKPlatform, channel: VK, anna: Person
    ) -> None:
        asked = await vk.write(anna, "Привозите?")
        buttons = (
            (Button(label="Да", data="yes"), Button(label="Сайт", url="https://shop.example")),
            (Button(label="Номер", asks="phone"),),
        )
        draft = Draft(key="k1", text="**Да**, завтра", reply_to="77:1", buttons=buttons)
        receipt = await channel.send(TO, draft)
        said = vk.shown(anna)[-1]
        assert receipt.external_id == f"77:{said.id}"
        assert (said.text, said.quote) == ("Да, завтра", asked.id)
        assert [[label for label, _ in row] for row in said.buttons] == [["Да", "Сайт"]]

    async def test_a_repeat_within_the_hour_says_nothing_twice(
        self, vk: VKPlatform, channel: VK, anna: Person
    ) -> None:
        vk.fail("lost_answer", method="messages.send")
        draft = Draft(key="k1", text="один раз")
        with pytest.raises(TransientError) as caught:
            await channel.send(TO, draft)
        assert caught.value.maybe_sent
        receipt = await channel.send(TO, draft)
        assert [each.text for each in vk.shown(anna)] == ["один раз"]
        assert receipt.external_id == "77:1"

    async def test_a_long_answer_is_cut_between_words_and_every_piece_is_told(
        self, vk: VKPlatform, channel: VK, anna: Person
    ) -> None:
        text = " ".join(["слово"] * 2000)
        receipt = await channel.send(TO, Draft(key="k1", text=text))
        said = [each.text for each in vk.shown(anna)]
        assert " ".join(said) == text
        assert (receipt.external_id, receipt.more) == ("77:1", ("77:2",))

    async def test_pictures_files_and_voices_go_each_by_its_door(
        self, vk: VKPlatform, channel: VK, anna: Person, shelf: Shelf
    ) -> None:
        picture = shelf.put("a.png", "image/png", png(), kind="image", width=30, height=20)
        paper = shelf.put("Смета.pdf", "application/pdf", b"%PDF-1.7" * 500)
        voice = shelf.put("v.ogg", "audio/ogg", b"OggS" * 300, kind="audio")
        draft = Draft(key="k1", text="Вот", attachments=(picture, voice, paper))
        receipt = await channel.send(TO, draft)
        both, alone = vk.shown(anna)
        assert (both.text, [each.name for each in both.files]) == ("Вот", ["a.png", "Смета.pdf"])
        assert [each.data for each in both.files] == [png(), b"%PDF-1.7" * 500]
        assert [each.kind for each in alone.files] == ["audio"]
        assert receipt.more == ("77:2",)

    async def test_a_file_that_vk_does_not_take_stops_the_answer_before_it_begins(
        self, vk: VKPlatform, channel: VK, anna: Person, shelf: Shelf
    ) -> None:
        lying = shelf.put("a.png", "image/png", b"no picture", kind="image")
        program = shelf.put("setup.exe", "application/octet-stream", b"MZ")
        for each in (lying, program):
            with pytest.raises(RejectedError) as caught:
                await channel.send(TO, Draft(key="k1", text="Вот", attachments=(each,)))
            assert caught.value.reason == "file_type"
        assert vk.shown(anna) == []

    async def test_edits_deletions_reactions_marks_and_typing_arrive(
        self, vk: VKPlatform, channel: VK, anna: Person, shelf: Shelf
    ) -> None:
        asked = await vk.write(anna, "Привозите?")
        paper = shelf.put("Смета.pdf", "application/pdf", b"%PDF")
        yes = ((Button(label="Да", data="yes"),),)
        draft = Draft(key="k1", text="Нет", attachments=(paper,), buttons=yes)
        said = (await channel.send(TO, draft)).external_id
        for _ in range(2):
            await channel.edit(TO, said, Draft(key="k2", text="Да"))
        bubble = vk.shown(anna)[-1]
        assert (bubble.text, bubble.edited, len(bubble.files)) == ("Да", True, 1)
        assert bubble.buttons == ((("Да", payload(yes[0][0])),),)
        await channel.react(TO, f"77:{asked.id}", "❤️")
        assert vk.shown(anna)[0].reactions == ("❤",)
        await channel.react(TO, f"77:{asked.id}", "")
        assert vk.shown(anna)[0].reactions == ()
        await channel.mark_read(TO, f"77:{asked.id}")
        assert vk.shown(anna)[0].read
        await channel.show_typing(TO)
        assert vk.chats["77"].typing_at
        other = (await channel.send(TO, Draft(key="k3", text="И ещё"))).external_id
        for gone in ([said], [said], [said, other]):
            await channel.delete(TO, gone)
        assert [each.text for each in vk.shown(anna)] == ["Привозите?"]

    async def test_what_is_too_old_is_told_so(self) -> None:
        now = [AT]
        async with played(now=lambda: now[0]) as vk:
            channel = connected(vk)
            said = (await channel.send(TO, Draft(key="k1", text="Нет"))).external_id
            now[0] += timedelta(hours=25)
            with pytest.raises(RejectedError) as caught:
                await channel.edit(TO, said, Draft(key="k2", text="Да"))
            assert caught.value.reason == "too_old"
            with pytest.raises(RejectedError) as caught:
                await channel.delete(TO, [said])
            assert caught.value.reason == "too_old"
            # After its hour the same key is another message: a repeat is not safe any more.
            again = await channel.send(TO, Draft(key="k1", text="Нет"))
            assert again.external_id != said
            await channel.close()

    async def test_a_press_is_answered(self, vk: VKPlatform, channel: VK, anna: Person) -> None:
        yes = ((Button(label="Да", data="yes"),),)
        await channel.send(TO, Draft(key="k1", text="Звонить?", buttons=yes))
        marker = (await channel.poll("")).marker
        await vk.press(anna, "1", payload(yes[0][0]))
        [body] = (await channel.poll(marker)).bodies
        [event] = channel.parse(Hook(body=body, received_at=AT))
        assert isinstance(event, MessageReceived)
        assert event.pressed == "yes"
        await channel.acknowledge(event.press, "Позвоним")
        assert list(vk.answered.values()) == ["Позвоним"]

    async def test_an_edit_of_what_is_not_there_or_too_long_is_told_so(
        self, vk: VKPlatform, channel: VK, anna: Person
    ) -> None:
        said = (await channel.send(TO, Draft(key="k1", text="Нет"))).external_id
        for id, text, reason in (
            ("77:99", "Да", "not_found"),
            ("77:id5", "Да", "not_found"),
            (said, "x" * 9001, "too_long"),
        ):
            with pytest.raises(RejectedError) as caught:
                await channel.edit(TO, id, Draft(key="k2", text=text))
            assert caught.value.reason == reason

    async def test_a_reaction_that_vk_has_not_is_told_so(self, channel: VK) -> None:
        with pytest.raises(RejectedError) as caught:
            await channel.react(TO, "77:1", "🦄")
        assert caught.value.reason == "not_here"

    async def test_more_than_ten_files_are_several_messages(
        self, vk: VKPlatform, channel: VK, anna: Person, shelf: Shelf
    ) -> None:
        files = tuple(shelf.put(f"{n}.pdf", "application/pdf", b"%PDF") for n in range(12))
        receipt = await channel.send(TO, Draft(key="k1", attachments=files))
        assert [len(each.files) for each in vk.shown(anna)] == [10, 2]
        assert len(receipt.more) == 1

    async def test_nothing_is_not_said(self, vk: VKPlatform, channel: VK) -> None:
        with pytest.raises(RejectedError):
            await channel.send(TO, Draft(key="k1", text=" "))
        assert vk.calls == []

    async def test_a_file_beyond_the_limit_is_not_even_read(
        self, vk: VKPlatform, channel: VK
    ) -> None:
        huge = Attachment(FileId("f"), "a.zip", "application/zip", 50_000_001)
        with pytest.raises(RejectedError) as caught:
            await channel.send(TO, Draft(key="k1", text="Вот", attachments=(huge,)))
        assert caught.value.reason == "too_large"

    async def test_an_upload_that_fails_says_nothing_and_may_be_tried_again(
        self, vk: VKPlatform, channel: VK, anna: Person, shelf: Shelf
    ) -> None:
        paper = shelf.put("a.pdf", "application/pdf", b"%PDF")
        draft = Draft(key="k1", text="Вот", attachments=(paper,))
        vk.fail("502_page", method="upload")
        with pytest.raises(TransientError):
            await channel.send(TO, draft)
        assert vk.shown(anna) == []
        await channel.send(TO, draft)
        assert [each.text for each in vk.shown(anna)] == ["Вот"]

    @pytest.mark.parametrize("external_id", ["form:6:3", "2000000001", "0"])
    async def test_nobody_is_written_to_who_cannot_be(
        self, vk: VKPlatform, channel: VK, external_id: str
    ) -> None:
        with pytest.raises(RejectedError):
            await channel.send(identity(external_id), Draft(key="k1", text="x"))
        assert vk.calls == []

    async def test_who_denied_messages_cannot_be_reached(
        self, vk: VKPlatform, channel: VK, anna: Person
    ) -> None:
        await vk.block(anna)
        with pytest.raises(UnreachableError) as caught:
            await channel.send(TO, Draft(key="k1", text="x"))
        assert caught.value.reason == "opted_out"
        vk.blacklist.add(77)
        with pytest.raises(UnreachableError) as caught:
            await channel.send(TO, Draft(key="k1", text="x"))
        assert caught.value.reason == "blocked"


class TestTrouble:
    @pytest.mark.parametrize(
        ("failing", "error", "reason"),
        [
            ("429", ThrottledError, "rate"),
            ("500", TransientError, "page"),
            ("502_page", TransientError, "page"),
            ("lost_answer", TransientError, "internal"),
            ("refused_key", CredentialsError, "dead_key"),
            ("blocked", UnreachableError, "opted_out"),
        ],
    )
    async def test_each_trouble_has_its_error_and_names_no_secret(
        self, vk: VKPlatform, channel: VK, failing: Any, error: type[DeliveryError], reason: str
    ) -> None:
        vk.fail(failing, method="messages.send")
        with pytest.raises(error) as caught:
            await channel.send(TO, Draft(key="k1", text="x"))
        assert caught.value.reason == reason
        assert TOKEN not in repr(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__

    async def test_too_often_makes_one_call_and_leaves_the_waiting_to_the_hub(
        self, vk: VKPlatform, channel: VK
    ) -> None:
        vk.fail("429", method="messages.send")
        with pytest.raises(ThrottledError) as caught:
            await channel.send(TO, Draft(key="k1", text="x"))
        assert caught.value.everywhere
        assert [method for method, _ in vk.calls] == ["messages.send"]

    async def test_a_hanging_call_holds_up_no_other(self, vk: VKPlatform, channel: VK) -> None:
        vk.fail("slow", method="messages.setActivity")
        hangs = asyncio.create_task(channel.show_typing(TO))
        await vk.wait_for(lambda: bool(vk.calls))
        await channel.send(TO, Draft(key="k1", text="x"))
        assert not hangs.done()
        vk.release()
        with suppress(DeliveryError):
            await hangs

    @pytest.mark.parametrize(
        ("status", "body", "error"),
        [
            (200, "<html>", TransientError),
            (200, "", TransientError),
            (200, "[]", TransientError),
            (200, '{"response": 5}', TransientError),
            (200, '{"error": "words"}', TransientError),
            (200, '{"error": {"error_code": 14, "captcha_sid": "1"}}', CredentialsError),
            (200, '{"error": {"error_code": 17, "redirect_uri": "http://x/"}}', CredentialsError),
            (200, '{"response": [{"peer_id": 77, "error": {"code": 902}}]}', UnreachableError),
            (307, "", TransientError),
            (413, "", RejectedError),
            (429, "", ThrottledError),
        ],
    )
    async def test_an_answer_that_is_none_is_no_success(
        self, status: int, body: str, error: type[DeliveryError]
    ) -> None:
        async def answer(request: web.Request) -> web.Response:
            headers = {"Location": "/method/messages.send"}
            return web.Response(status=status, text=body, headers=headers)

        async with serving(answer) as url:
            channel = VK(ID, VKSettings(token=TOKEN, group_id=GROUP, api_url=url), KEYS)
            with pytest.raises(error):
                await channel.send(TO, Draft(key="k1", text="x"))
            await channel.close()

    async def test_the_key_goes_along_with_no_redirect(self) -> None:
        came: list[str] = []

        async def answer(request: web.Request) -> web.Response:
            came.append(request.path)
            elsewhere = request.url.with_path("/elsewhere")
            return web.Response(status=308, headers={"Location": str(elsewhere)})

        async with serving(answer) as url:
            channel = VK(ID, VKSettings(token=TOKEN, group_id=GROUP, api_url=url), KEYS)
            with pytest.raises(TransientError):
                await channel.account()
            await channel.close()
        assert came == ["/method/groups.getById"]

    async def test_where_nobody_listens_nothing_was_sent(self) -> None:
        channel = silent()
        with pytest.raises(TransientError) as caught:
            await channel.send(TO, Draft(key="k1", text="x"))
        assert (caught.value.reason, caught.value.maybe_sent) == ("offline", False)
        await channel.close()

    @given(st.integers(-10, 10_000), st.booleans())
    def test_every_code_is_one_of_the_five(self, code: int, sends: bool) -> None:
        error = meant(code, sends=sends)
        assert error.reason != error.code
        assert not getattr(error, "maybe_sent", False) or sends

    @pytest.mark.parametrize(
        ("code", "error", "reason"),
        [
            (6, ThrottledError, "rate"),
            (9, ThrottledError, "rate"),
            (29, ThrottledError, "rate"),
            (10, TransientError, "internal"),
            (5, CredentialsError, "dead_key"),
            (14, CredentialsError, "captcha"),
            (15, CredentialsError, "no_rights"),
            (42, CredentialsError, "misconfigured"),
            (18, UnreachableError, "blocked"),
            (900, UnreachableError, "blocked"),
            (901, UnreachableError, "opted_out"),
            (100, RejectedError, "bad_request"),
            (911, RejectedError, "bad_request"),
            (914, RejectedError, "too_long"),
        ],
    )
    def test_codes_mean_what_to_do(
        self, code: int, error: type[DeliveryError], reason: str
    ) -> None:
        made = meant(code, sends=True)
        assert type(made) is error
        assert made.reason == reason

    def test_a_right_that_one_call_wants_stops_only_that_call(self) -> None:
        assert isinstance(meant(15), RejectedError)
        waits = [meant(code) for code in (6, 9, 29)]
        times = [each.retry_after for each in waits if isinstance(each, ThrottledError)]
        assert times == sorted(times)
        assert len(set(times)) == 3

    async def test_calls_go_through_a_proxy(self, vk: VKPlatform) -> None:
        seen: list[str] = []

        async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            version, methods = await reader.readexactly(2)
            assert version == 5
            await reader.readexactly(methods)
            writer.write(b"\x05\x00")
            _, _, _, kind = await reader.readexactly(4)
            host = await reader.readexactly(4 if kind == 1 else (await reader.readexactly(1))[0])
            port = int.from_bytes(await reader.readexactly(2))
            seen.append(host.decode(errors="replace") if kind == 3 else ".".join(map(str, host)))
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")

            async def pour(of: asyncio.StreamReader, into: asyncio.StreamWriter) -> None:
                with suppress(ConnectionError):
                    while chunk := await of.read(65536):
                        into.write(chunk)
                        await into.drain()
                into.close()

            await asyncio.gather(pour(reader, far_writer), pour(far_reader, writer))

        server = await asyncio.start_server(proxy, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        proxied = VKSettings(**vk.settings(), proxy=f"socks5://127.0.0.1:{port}")
        channel = VK(ID, proxied, KEYS)
        await channel.send(TO, Draft(key="k1", text="x"))
        assert seen == ["127.0.0.1"]
        await channel.close()
        server.close()
        await server.wait_closed()
