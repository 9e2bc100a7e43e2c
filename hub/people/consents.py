"""What people agreed to: which text, when, where; and the words that they were asked with.

Every text that a page shows is kept before anybody can agree to it. A consent is a document
that never changes; a withdrawal is one more of them, and the last one counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import sha256

from msgspec import Struct
from msgspec.structs import replace

from hub.errors import RefusedError
from hub.model import (
    ChannelId,
    ContactId,
    Given,
    IdentityId,
    Project,
    ProjectId,
)
from hub.records import Consent, ConsentText
from hub.sites import Agreement, Purpose, SiteSettings
from hub.statuses import Lang
from hub.store.engine import Engine, Insert, TakenError
from hub.store.schema import CONSENTS
from hub.texts import text

PROCESSING: Purpose = "processing"
ADVERTISING: Purpose = "advertising"
LANGS: tuple[Lang, ...] = ("ru", "en")


class ConsentRequiredError(RefusedError):
    """Somebody's data may not be taken before they have agreed to it."""

    code = "consent_required"


class Asked(Struct, frozen=True, kw_only=True):
    """One box as it is shown; `version` follows from the words and nothing else."""

    purpose: Purpose
    version: str
    text: str
    url: str
    required: bool


class Agreed(Struct, frozen=True, kw_only=True):
    """Whose consent it is and where it was given."""

    project: ProjectId
    channel: ChannelId
    identity: IdentityId
    contact: ContactId
    page: str = ""


def asked(settings: SiteSettings, project: Project, lang: Lang) -> list[Asked]:
    """The boxes of that site in their order; processing first wherever a phone is taken."""
    agreements = list(settings.consents)
    if takes_phones(settings, project):
        rest = [each for each in agreements if each.purpose != PROCESSING]
        ours = next((each for each in agreements if each.purpose == PROCESSING), None)
        first = ours or Agreement(purpose=PROCESSING)
        agreements = [first, *rest]
    return [_asked(each, project, lang) for each in agreements]


def subscribing(settings: SiteSettings, project: Project, lang: Lang) -> list[Asked]:
    """The boxes of whoever is to be sent offers: each is apart, and both must be ticked."""
    had = {each.purpose: each for each in settings.consents}
    boxes = [had.get(each) or Agreement(purpose=each) for each in (PROCESSING, ADVERTISING)]
    return [replace(_asked(each, project, lang), required=True) for each in boxes]


def worded(purpose: Purpose, words: str) -> Asked:
    """A box that a form elsewhere has, as far as the form tells its words."""
    version = _digest(purpose, words, "")[:12]
    return Asked(purpose=purpose, version=version, text=words, url="", required=False)


def takes_phones(settings: SiteSettings, project: Project) -> bool:
    """Whether that site asks for what is nobody's business before a consent."""
    asks = settings.prechat.enabled and any(
        each.kind in ("phone", "email") for each in settings.prechat.fields
    )
    if project.policy.silence.enabled and settings.messengers:
        return True
    return settings.callback.enabled or settings.offline.mode == "callback" or asks


def _asked(agreement: Agreement, project: Project, lang: Lang) -> Asked:
    words = agreement.text or text(lang, f"consent.{agreement.purpose}", name=project.name)
    return Asked(
        purpose=agreement.purpose,
        version=_digest(agreement.purpose, words, agreement.url)[:12],
        text=words,
        url=agreement.url,
        required=agreement.required or agreement.purpose == PROCESSING,
    )


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()


class Consents:
    """The consents of all projects; remembers only which texts it has kept already."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: set[str] = set()

    async def show(self, project: ProjectId, boxes: Sequence[Asked], now: datetime) -> None:
        """Keeps the words of what is about to be shown; once kept they are for good."""
        for box in boxes:
            id = text_id(project, box.purpose, box.version)
            if id in self._kept:
                continue
            with suppress(TakenError):
                await self._engine.write(
                    Insert(
                        ConsentText(
                            id=id,
                            project=project,
                            purpose=box.purpose,
                            version=box.version,
                            text=box.text,
                            url=box.url,
                            sha256=_digest(box.purpose, box.text, box.url),
                            created_at=now,
                        )
                    )
                )
            if len(self._kept) > KNOWN_MAX:
                self._kept.clear()
            self._kept.add(id)

    async def give(
        self, place: Agreed, key: str, given: Sequence[Given], now: datetime
    ) -> list[Consent]:
        """Keeps each consent once for the same key; ConsentRequiredError for words unknown."""
        texts = []
        for each in given:
            known = await self._engine.get(
                ConsentText, text_id(place.project, each.purpose, each.version)
            )
            if known is None:
                raise ConsentRequiredError("nobody was shown such a text", field="given")
            texts.append(known)
        return [await self._keep(place, key, each, True, now) for each in texts]

    async def withdraw(
        self, place: Agreed, key: str, purpose: str, now: datetime
    ) -> Consent | None:
        """Ends the consent; None if it was not given."""
        last = await self.last(place.project, place.contact, purpose)
        if last is None or not last.given:
            return None
        known = await self._engine.get(ConsentText, text_id(place.project, purpose, last.version))
        return await self._keep(place, key, known, False, now) if known else None

    async def stands(
        self, project: ProjectId, contact: ContactId, purpose: str = PROCESSING
    ) -> bool:
        last = await self.last(project, contact, purpose)
        return last is not None and last.given

    async def last(self, project: ProjectId, contact: ContactId, purpose: str) -> Consent | None:
        page = await self._engine.find(
            CONSENTS,
            {"project": project, "contact": contact, "purpose": purpose},
            descending=True,
            limit=1,
        )
        return page.items[0] if page.items else None

    async def _keep(
        self, place: Agreed, key: str, words: ConsentText, given: bool, now: datetime
    ) -> Consent:
        consent = Consent(
            id=f"{place.channel}:{key}:{words.purpose}",
            project=place.project,
            contact=place.contact,
            purpose=words.purpose,
            at=now,
            given=given,
            version=words.version,
            sha256=words.sha256,
            channel=place.channel,
            identity=place.identity,
            page=place.page,
            created_at=now,
        )
        try:
            await self._engine.write(Insert(consent))
        except TakenError:
            return await self._engine.get(Consent, consent.id) or consent
        return consent


KNOWN_MAX = 10_000


def text_id(project: ProjectId, purpose: str, version: str) -> str:
    return f"{project}:{purpose}:{version}"
