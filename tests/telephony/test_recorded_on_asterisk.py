"""A talk that is recorded on a real Asterisk: the person is told, the file is the project's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
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
from tests.telephony.pbx.cases import talking
from tests.telephony.pbx.legs import until_ready
from tests.telephony.pbx.phones import Phones, Step
from tests.telephony.pbx.sound import likeness, noise

WAITS_S = 60.0
PERSON = "+79161234567"


async def test_a_recorded_talk_is_kept_and_the_person_knew_of_it(
    hub: Hub, exchange: Asterisk, phones: Phones, tmp_path: Path
) -> None:
    notice, said, reply = (noise(tmp_path / f"{n}.wav", n, 0.7) for n in range(3))

    async def voice(call: Call, say: Say) -> Path | None:
        return notice if say.text == "notice" else None

    told = {"api_url": exchange.url, "user": exchange.user, "password": exchange.password}
    await equip(hub, "asterisk", told | {"internal": "PJSIP/{number}@office"}, seats={})
    script = replace(QUICK, ring_s=20, visitor_ring_s=20)
    script = replace(script, record=True, record_notice=Say(text="notice"))
    await arrange(hub, script=script, numbers=("201",))
    # That they talk is stored before they are joined.
    talk = asyncio.Event()
    joined: Sequence[Step] = [("until", talk), ("wait", 0.8)]
    phones.on("201", ["ring", "answer", *joined, ("say", said)])
    replies: Sequence[Step] = [("wait", 1.2), ("say", reply), ("wait", 1.5), "hang up"]
    phones.on(PERSON, ["ring", "answer", "record", *joined, *replies])
    await wanted(hub, PERSON)
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
            await phones.rung(PERSON)
            await talking(hub, telephony, PERSON)
            talk.set()
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
    assert likeness((await phones.rung(PERSON)).recording, notice) > 0.8
    ari = Ari(exchange.url, exchange.user, exchange.password)
    try:
        left = [each["name"] for each in await ari.get("recordings/stored")]
    finally:
        await ari.close()
    assert not [name for name in left if call.key in name]
