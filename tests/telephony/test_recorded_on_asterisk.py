"""A talk that is recorded on a real Asterisk: the person is told, the file is the project's."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec.structs import replace

from hub.calls.call import Call, Outcome
from hub.calls.recordings import Recordings
from hub.calls.script import Say
from hub.hub import Hub
from hub.model import File
from telephony.ari.client import Ari
from telephony.ari.stasis import Stasis
from telephony.worker import Telephony
from tests.telephony.office import QUICK, arrange, calls, equip, wanted
from tests.telephony.pbx.asterisks import Asterisk
from tests.telephony.pbx.legs import until_ready
from tests.telephony.pbx.phones import Phones
from tests.telephony.pbx.sound import likeness, noise

WAITS_S = 20.0


async def test_a_recorded_talk_is_kept_and_the_person_knew_of_it(
    hub: Hub, exchange: Asterisk, phones: Phones, tmp_path: Path
) -> None:
    notice, said, reply = (noise(tmp_path / f"{n}.wav", n, 0.7) for n in range(3))

    async def voice(call: Call, say: Say) -> Path | None:
        return notice if say.text == "notice" else None

    told = {"api_url": exchange.url, "user": exchange.user, "password": exchange.password}
    await equip(hub, "asterisk", told | {"internal": "PJSIP/{number}@office"}, seats={})
    script = replace(QUICK, ring_s=5, visitor_ring_s=5)
    script = replace(script, record=True, record_notice=Say(text="notice"))
    await arrange(hub, script=script, numbers=("201",))
    phones.on("201", ["ring", "answer", ("wait", 1.3), ("say", said)])
    phones.on(
        "+79161234567",
        ["ring", "answer", "record", ("wait", 2.2), ("say", reply), ("wait", 0.8), "hang up"],
    )
    await wanted(hub, "+79161234567")
    recordings = Recordings(hub.engine, hub.bus, hub.files, tmp_path / "incoming", hub.now)
    telephony = Telephony(
        hub.engine,
        hub.bus,
        hub.channels,
        hub.dialling,
        hub.now,
        "w1",
        voice=voice,
        fetch=recordings.fetch,
    )
    try:
        await telephony.work()
        for each in telephony._lines.all():
            assert isinstance(each.line, Stasis)
            await until_ready(each.line)
        async with asyncio.timeout(WAITS_S):
            await telephony.work()
            await telephony.idle()
    finally:
        await telephony.close()
    await phones.silent()

    [call] = await calls(hub)
    assert (call.outcome, call.ended_by) == (Outcome.TALKED, "visitor")
    assert call.recording is not None
    kept = await hub.engine.get(File, call.recording)
    assert kept is not None
    path = tmp_path / "kept.wav"
    path.write_bytes(b"".join([block async for block in hub.files.read(kept)]))
    assert likeness(path, said) > 0.8
    assert likeness(path, reply) > 0.8
    assert likeness(path, notice) < 0.3
    assert likeness((await phones.rung("+79161234567")).recording, notice) > 0.8
    ari = Ari(exchange.url, exchange.user, exchange.password)
    try:
        left = [each["name"] for each in await ari.get("recordings/stored")]
    finally:
        await ari.close()
    assert not [name for name in left if call.key in name]
