"""What a channel's report makes: the line of a log, the episode it opens. Pure.

A message, an answer that somebody of ours gave in the messenger itself, a form and a wish to be
called all stand in the log by the platform's time, and each is there once by the platform's id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from hub import dialogs, phones
from hub.bot import heard
from hub.content import Card, Remote
from hub.events import (
    CallAsked,
    ChannelEvent,
    FormFilled,
    MessageReceived,
    PhoneLeft,
    PhoneTapped,
    StaffReplied,
    Subscribed,
)
from hub.model import (
    Attachment,
    Author,
    Channel,
    ChannelId,
    ContactId,
    Dialog,
    Entry,
    EntryId,
    EntryKind,
    EntryPoint,
    FileId,
    OutState,
    Project,
    Verb,
)
from hub.people import contacts
from hub.people.contacts import identity_id
from hub.people.visit import Visit
from hub.statuses import RequestType

Line = MessageReceived | StaffReplied | FormFilled
"""What is said or written, by whomever."""

Asked = CallAsked | PhoneLeft | PhoneTapped | Subscribed
"""What a site's chat is pressed for beside the talk."""

Spoken = Line | Asked
"""What opens a dialog if none is open."""

FORMS: Mapping[str, RequestType] = {
    "vk": RequestType.VK_LEAD,
    "facebook": RequestType.FACEBOOK_LEAD,
    "mytarget": RequestType.MYTARGET_LEAD,
    "yandex": RequestType.YANDEX_TURBO,
}
"""Sources whose forms are requests of a type of their own, whatever channel brings them."""

MEDIA_MAX = 50
KEY_MIN_CHARS = 16
PIECE_MIN_CHARS = 200
"""What is shorter is no piece of a message that was too long to go out whole."""

Coming = Callable[[FileId, Remote], Attachment]


class OutdatedError(Exception):
    """The episode closed too long ago for this by the time it was to be appended."""


def speaker(event: ChannelEvent) -> str | None:
    """In whose dialog a line is to stand; None for what is no line."""
    return event.sender.external_id if isinstance(event, Line) else None


def media(event: Spoken) -> Sequence[Remote]:
    if isinstance(event, MessageReceived | StaffReplied):
        return event.media[:MEDIA_MAX]
    return ()


def files(id: EntryId, event: Spoken) -> Iterator[tuple[FileId, Remote]]:
    """The files that the platform still has, under the ids they will have here."""
    for n, remote in enumerate(media(event)):
        yield FileId(hashlib.sha256(f"{id}:{n}".encode()).hexdigest()[:32]), remote


def maker(
    channel: Channel,
    project: Project,
    id: EntryId,
    event: Spoken,
    now: datetime,
    coming: Coming,
    reply_to: str = "",
) -> dialogs.Maker:
    """Draws the line of `event`; OutdatedError for a row that it does not belong to.

    `coming` makes an attachment of a file that is not here yet, `reply_to` is the entry quoted.
    """
    attached = (
        *(event.attachments if isinstance(event, MessageReceived) else ()),
        *(coming(file, remote) for file, remote in files(id, event)),
    )

    def make(row: Dialog) -> Entry:
        if not belongs(row, event, project):
            raise OutdatedError
        line = replace(
            dialogs.draft(row, id, EntryKind.IN, event.at, now),
            author=Author("visitor", row.contact, event.sender.name or row.name),
        )
        if isinstance(event, Asked):
            verb, told = _asked(event, channel)
            return replace(line, kind=EntryKind.SYSTEM, verb=verb, data=told)
        line = replace(line, late=_comes_before(event, row), attachments=attached)
        match event:
            case MessageReceived():
                beside = _beside(event, channel)
                beside |= _to_the_bot(row, event, beside)
                return replace(
                    line,
                    order=event.order,
                    text=_words(event),
                    reply_to=reply_to,
                    album=event.album,
                    question=event.question and not beside.keys() & {"pressed", "answers"},
                    spot=event.spot,
                    card=_read(event.card),
                    data=_moved(row, event.visit) | beside | _collected(project),
                )
            case StaffReplied():
                return replace(
                    line,
                    kind=EntryKind.OUT,
                    author=Author("operator", "", event.name),
                    order=event.order,
                    text=event.text,
                    reply_to=reply_to,
                    external_id=id,
                    state=OutState.SENT,
                    spot=event.spot,
                    card=_read(event.card),
                    data={"unsupported": channel.kind} if _is_empty(event) else {},
                )
            case FormFilled():
                told = _form(event)
                # Who only wants to hear of offers asks nothing.
                is_asked = "subscribed" not in told
                return replace(line, text=_filled(event), data=told, question=is_asked)

    return make


def episode(
    channel: Channel,
    type: RequestType,
    contact: ContactId,
    n: int,
    event: Spoken,
    now: datetime,
    before: Dialog | None = None,
) -> Dialog:
    """The empty row of the person's n-th episode, with what is known since the one before."""
    identity, sender = identity_id(channel.id, event.sender), event.sender
    staff, form = (
        isinstance(event, StaffReplied),
        isinstance(event, Asked | FormFilled),
    )
    return Dialog(
        id=dialogs.dialog_id(identity, n),
        project=channel.project,
        channel=ChannelId(channel.id),
        kind=channel.kind,
        type=_type(event, type),
        identity=identity,
        contact=contact,
        n=n,
        name=sender.name or (before.name if before else ""),
        entry_point=entry_point(channel),
        direction="outgoing" if staff else "incoming",
        creation="operator" if staff else "form" if form else "message",
        visit=(None if isinstance(event, StaffReplied) else event.visit) or Visit(),
        phone=sender.phone or (before.phone if before else ""),
        fields=before.fields if before else {},
        verified=sender.verified,
        heard_at=before.heard_at if before else None,
        created_at=now,
        last_at=now,
        changed_at=now,
    )


def _type(event: Spoken, type: RequestType) -> RequestType:
    if isinstance(event, CallAsked):
        return RequestType.CALLBACK
    if isinstance(event, PhoneTapped):
        return RequestType.MOBILE_DIRECT
    return FORMS.get(event.source, type) if isinstance(event, FormFilled) else type


def entry_point(channel: Channel) -> EntryPoint:
    return EntryPoint(kind=channel.kind, value=channel.id, comment=channel.name)


def belongs(row: Dialog, event: Spoken, project: Project) -> bool:
    """Whether the row is where it is to stand.

    A form and what is pressed beside the talk reopen nothing: after a closing each is a request
    of its own.
    What one of ours said opens nothing either: it stands where the talk was last.
    """
    if isinstance(event, Asked | FormFilled):
        return not row.sealed and (row.open or row.closed_at is None)
    if isinstance(event, StaffReplied):
        return not row.sealed
    return dialogs.reopens(row, event.at, project.reopen_days, project.reopen_days_auto)


def is_echo(event: StaffReplied, id: EntryId, known: Sequence[Entry]) -> bool:
    """Whether the platform tells us of what we sent ourselves, perhaps before it told us its id."""
    for entry in known:
        if entry.kind is not EntryKind.OUT:
            continue
        if entry.external_id == id or event.external_id in entry.data.get("more", "").split():
            return True
        if entry.state is OutState.SENDING and _same(entry.text, event.text):
            return True
    return False


def _same(ours: str, theirs: str) -> bool:
    """The same words, or a long piece of them: markup and spaces are the platform's business."""
    said, heard = ("".join(filter(str.isalnum, text)).casefold() for text in (ours, theirs))
    return heard == said or (len(heard) >= PIECE_MIN_CHARS and heard in said)


def _asked(event: Asked, channel: Channel) -> tuple[Verb, dict[str, str]]:
    match event:
        case CallAsked():
            return Verb.CALL_ASKED, _wish(event)
        case PhoneLeft():
            return Verb.LEFT, _left(event)
        case Subscribed():
            return Verb.SUBSCRIBED, {"email": event.email}
        case PhoneTapped():
            number = channel.settings.get("phone")
            return Verb.TAPPED, {"number": number} if isinstance(number, str) else {}


def _wish(event: CallAsked) -> dict[str, str]:
    """The wall's time stands beside the instant: the zone's rules may change before it comes."""
    time = event.time
    return {
        "phone": event.phone,
        "at": time.at.isoformat().replace("+00:00", "Z") if time else "",
        "local": time.local if time else "",
        "zone": time.zone if time else event.zone,
        "comment": event.comment,
    }


def _left(event: PhoneLeft) -> dict[str, str]:
    told = {
        "phone": event.phone,
        "messenger": event.messenger,
        "zone": event.zone,
        "unsent": "" if event.sent else "1",
    }
    return {name: value for name, value in told.items() if value}


def _collected(project: Project) -> dict[str, str]:
    """Where a project only collects requests, no talk begins by itself."""
    return {"collected": "1"} if project.calling.mode == "collect" else {}


def _moved(row: Dialog, visit: Visit | None) -> dict[str, str]:
    """The page written from, where it is not the last one that is known."""
    if visit is None or not visit.page or row.seq == 0 or visit.page == row.visit.page:
        return {}
    return {"page": visit.page, "title": visit.title}


def _words(event: MessageReceived) -> str:
    """What was said without the key that the link brought: it is worth a person's name."""
    text, start = event.text, event.start
    if start and text.strip() == f"/start {start}":
        return ""
    # A short one is the mark of a campaign, and may be a word like any other.
    return text.replace(start, "").strip() if len(start) >= KEY_MIN_CHARS else text


def _to_the_bot(row: Dialog, event: MessageReceived, beside: dict[str, str]) -> dict[str, str]:
    """What the words are to the bot that spoke last; nothing once somebody of ours has."""
    shared = event.card is not None and event.card.own and "phone" in beside
    if not (event.question or shared) or event.pressed:
        return {}
    if row.owner or row.cycle.answered_at is not None:
        return {}
    # After a closing the bot begins anew, and knows of nothing that it asked before.
    return heard(row.bot, event.text, numbered="phone" in beside) if row.open else {}


def _beside(event: MessageReceived, channel: Channel) -> dict[str, str]:
    data = {}
    if event.pressed:
        data["pressed"] = event.pressed
    if _is_empty(replace(event, text=_words(event))):
        if event.start or not event.question:
            data["opened"] = "link" if event.start else "platform"
        else:
            data["unsupported"] = channel.kind
    if event.card is not None and event.card.own and (phone := contacts.phone_of(event.card.phone)):
        data["phone"] = phone
    elif event.question and not (event.attachments or event.media):
        data |= _numbered(event.text)
    return data


def _numbered(said: str) -> dict[str, str]:
    """The number that somebody wrote to be called at, and whether nothing else was said."""
    found = phones.find(said, contacts.REGION, contacts.ALSO)
    sure = [each for each in found if each.dialable and each.confident]
    if len({each.e164 for each in sure}) != 1:
        return {}
    data = {"phone": sure[0].e164}
    if sure[0].extension:
        data["extension"] = sure[0].extension
    if phones.is_only_phone(said, contacts.REGION, contacts.ALSO):
        data["only"] = "phone"
    return data


def _is_empty(event: MessageReceived | StaffReplied) -> bool:
    """A message of a sort that we cannot show is one all the same, and says so."""
    attached = isinstance(event, MessageReceived) and event.attachments
    said = event.text.strip() or (isinstance(event, MessageReceived) and event.pressed)
    return not (said or attached or event.media or event.spot or event.card)


def _read(card: Card | None) -> Card | None:
    if card is None or (phone := contacts.phone_of(card.phone)) is None:
        return card
    return replace(card, phone=phone)


def _filled(event: FormFilled) -> str:
    """The form as its questions and answers, and what of the person none of them says."""
    lines = [event.form, *(f"{question}: {answer}" for question, answer in event.answers)]
    said = "\n".join(lines)
    lines += [each for each in (event.name, event.phone, event.email) if each and each not in said]
    return "\n".join(filter(None, lines))


def _form(event: FormFilled) -> dict[str, str]:
    """The form as rules and connections read it; what it does not say is not there."""
    told = {
        "form_id": event.form_id,
        "group_id": event.group_id,
        "ad_id": event.ad_id,
        "source": event.source,
        "handling": event.handling,
        "name": event.name,
        "phone": contacts.phone_of(event.phone) or "",
        "raw_phone": event.phone,
        "email": event.email if contacts.is_email(event.email) else "",
        "comment": event.comment,
        "advertising": event.advertising,
        "fields": _json(event.fields),
        "hidden": _json(event.hidden),
        "visit": _json(event.visit),
    }
    if event.advertising and told["email"] and not event.phone:
        told["subscribed"] = "1"
    return {"form": event.form} | {name: value for name, value in told.items() if value}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode() if value else ""


def _comes_before(event: Line, row: Dialog) -> bool:
    last = row.last_place
    order = 0 if isinstance(event, FormFilled) else event.order
    return last is not None and (event.at, order) < (last.at, last.order)
