"""Lists, logs and what operators do with a dialog."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hub.errors import NotFoundError
from hub.finding.bookmarks import Begun
from hub.finding.lists import Narrowed
from hub.hub import Hub
from hub.model import Dialog, DialogId, Entry, FileId, Identity
from hub.rights import Right, What, may
from hub.statuses import Status
from web import views
from web.routes import Answer, AnyRoute, Ask, Nothing, Route

Key = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9_-]{8,64}\Z", description="Made by the client; a repeat is one"),
]
Id = Annotated[str, Meta(max_length=300)]
TEXT_MAX = 100_000


class ListQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    view: Literal["queue", "mine", "all", "closed"] = "queue"
    channel: Id = ""
    awaits: Literal["", "operator", "customer", "bot", "nobody"] = ""
    owner: Annotated[
        str, Meta(max_length=300, description="An operator's id, or none for nobody's")
    ] = ""
    status: Status | None = None
    sort: Literal["last", "waiting"] = "last"
    after: Annotated[str, Meta(max_length=2_000)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class LogQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without any bound the last entries; `around_seq` goes before the other two."""

    around_seq: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    after_seq: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    before_seq: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class TimelineQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    before_seq: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class NewMessage(msgspec.Struct, frozen=True):
    key: Key
    text: Annotated[str, Meta(max_length=TEXT_MAX)] = ""
    attachments: Annotated[tuple[Id, ...], Meta(max_length=50)] = ()
    reply_to: Id = ""


class NewNote(msgspec.Struct, frozen=True):
    key: Key
    text: Annotated[str, Meta(max_length=TEXT_MAX)]


class Closing(msgspec.Struct, frozen=True):
    result: Annotated[str, Meta(max_length=200)] = ""


class Assigning(msgspec.Struct, frozen=True):
    operator: Id


class Seen(msgspec.Struct, frozen=True):
    seq: Annotated[int, Meta(ge=0, le=2**53)]


class NewDraft(msgspec.Struct, frozen=True):
    mode: Literal["reply", "note"]
    text: Annotated[str, Meta(max_length=TEXT_MAX)] = ""
    reply_to: Id = ""
    attachments: Annotated[tuple[Id, ...], Meta(max_length=50)] = ()


async def dialogs(ask: Ask[ListQuery, Nothing]) -> views.DialogList:
    query = ask.query
    narrowed = Narrowed(
        channel=query.channel,
        awaits=query.awaits,
        owner=query.owner,
        status=query.status or "",
        sort=query.sort,
    )
    page = await ask.hub.lists.page(
        ask.who, ask.project, query.view, narrowed, after=query.after, limit=query.limit
    )
    cut_short = page.next is not None and len(page.items) < query.limit
    return views.DialogList(
        items=[ask.state.views.dialog(row) for row in page.items],
        next=page.next,
        looked_back_to=page.last.last_at if cut_short and page.last else None,
    )


async def counts(ask: Ask[Nothing, Nothing]) -> views.CountsView:
    counted = await ask.hub.lists.counts(ask.who, ask.project)
    return views.CountsView(
        queue=views.count(counted["queue"]),
        mine=views.count(counted["mine"]),
        all=views.count(counted["all"]),
        waiting=views.count(counted["waiting"]),
    )


async def dialog(ask: Ask[Nothing, Nothing]) -> views.DialogCard:
    row, desk, lists = ask.dialog, ask.hub.desk, ask.hub.lists
    contact, others, identities, bookmark, here = await asyncio.gather(
        lists.contact(row),
        lists.others(row),
        lists.identities(row),
        desk.bookmark(ask.who, row),
        desk.company(ask.who, row),
    )
    draft = bookmark.draft
    files = await ask.hub.files.known(row.project, draft.attachments) if draft else []
    return views.DialogCard(
        dialog=ask.state.views.dialog(row),
        contact=views.contact(contact),
        identities=[
            ask.state.views.identity(each, _kind_of(ask.hub, each))
            for each in identities
            if may(ask.who, Right.SEE, What(each.project, each.channel))
        ],
        write_until=_write_until(ask.hub, row),
        others=[
            ask.state.views.dialog(other)
            for other in others
            if may(ask.who, Right.SEE, What(other.project, other.channel))
        ],
        seen_seq=bookmark.seen_seq,
        draft=ask.state.views.draft(draft, files) if draft else None,
        here=[views.LookerView(operator=each.id, name=each.name) for each in here],
    )


def _kind_of(hub: Hub, identity: Identity) -> str:
    try:
        return hub.channels.document(identity.channel).kind
    except NotFoundError:
        return ""


def _write_until(hub: Hub, row: Dialog) -> datetime | None:
    """When the platform's window closes; open for ever where it has none."""
    try:
        window = hub.channels.get(row.channel).capabilities.window
    except NotFoundError:
        return None
    if not window:
        return None
    return row.heard_at + window if row.heard_at is not None else row.created_at


async def entry(ask: Ask[Nothing, Nothing]) -> views.EntryView:
    return ask.state.views.entry(await ask.hub.lists.entry(ask.dialog, ask.part("entry")))


async def timeline(ask: Ask[TimelineQuery, Nothing]) -> views.TimelineView:
    entries, more = await ask.hub.lists.timeline(
        DialogId(ask.dialog.id), ask.query.before_seq, ask.query.limit
    )
    return views.TimelineView(items=[ask.state.views.entry(each) for each in entries], more=more)


async def log(ask: Ask[LogQuery, Nothing]) -> views.LogView:
    head, around, limit = ask.dialog.seq, ask.query.around_seq, ask.query.limit
    after = ask.query.after_seq
    if around is not None:
        after = max(min(around, head) - limit // 2 - 1, 0)
    entries, more = await ask.hub.desk.log(
        DialogId(ask.dialog.id), after_seq=after, before_seq=ask.query.before_seq, limit=limit
    )
    return views.LogView(
        items=[ask.state.views.entry(each) for each in entries],
        more=entries[0].seq > 1 if around is not None and entries else more,
        newer=bool(entries) and entries[-1].seq < head,
    )


def _stored(
    ask: Ask[Nothing, NewMessage] | Ask[Nothing, NewNote], entry: Entry, fresh: bool
) -> Answer:
    return Answer(ask.state.views.entry(entry), 201 if fresh else 200)


async def reply(ask: Ask[Nothing, NewMessage]) -> Answer:
    entry, fresh = await ask.hub.desk.reply(
        ask.who,
        ask.dialog.id,
        ask.body.key,
        ask.body.text,
        [FileId(each) for each in ask.body.attachments],
        ask.body.reply_to,
    )
    return _stored(ask, entry, fresh)


async def note(ask: Ask[Nothing, NewNote]) -> Answer:
    entry, fresh = await ask.hub.desk.note(ask.who, ask.dialog.id, ask.body.key, ask.body.text)
    return _stored(ask, entry, fresh)


async def retry(ask: Ask[Nothing, Nothing]) -> views.EntryView:
    entry = await ask.hub.desk.retry(ask.who, ask.dialog.id, ask.part("entry"))
    return ask.state.views.entry(entry)


async def take(ask: Ask[Nothing, Nothing]) -> views.DialogView:
    return ask.state.views.dialog(await ask.hub.desk.take(ask.who, ask.dialog.id))


async def give_back(ask: Ask[Nothing, Nothing]) -> views.DialogView:
    return ask.state.views.dialog(await ask.hub.desk.give_back(ask.who, ask.dialog.id))


async def assign(ask: Ask[Nothing, Assigning]) -> views.DialogView:
    row = await ask.hub.desk.assign(ask.who, ask.dialog.id, ask.body.operator)
    return ask.state.views.dialog(row)


async def no_reply(ask: Ask[Nothing, Nothing]) -> views.DialogView:
    return ask.state.views.dialog(await ask.hub.desk.no_reply(ask.who, ask.dialog.id))


async def emailed(ask: Ask[Nothing, Nothing]) -> views.DialogView:
    return ask.state.views.dialog(await ask.hub.desk.emailed(ask.who, ask.dialog.id))


async def see(ask: Ask[Nothing, Seen]) -> None:
    await ask.hub.desk.see(ask.who, ask.dialog, ask.body.seq)


async def begin(ask: Ask[Nothing, NewDraft]) -> None:
    draft = Begun(
        mode=ask.body.mode,
        text=ask.body.text,
        reply_to=ask.body.reply_to,
        attachments=tuple(FileId(each) for each in ask.body.attachments),
        saved_at=ask.hub.now(),
    )
    await ask.hub.desk.begin(ask.who, ask.dialog, draft)


async def close(ask: Ask[Nothing, Closing]) -> views.DialogView:
    row = await ask.hub.desk.close(ask.who, ask.dialog.id, ask.body.result)
    return ask.state.views.dialog(row)


async def reopen(ask: Ask[Nothing, Nothing]) -> views.DialogView:
    return ask.state.views.dialog(await ask.hub.desk.reopen(ask.who, ask.dialog.id))


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path="/projects/{project}/dialogs",
        right=Right.SEE,
        summary="One page of a list of dialogs",
        call=dialogs,
        query=ListQuery,
        body=Nothing,
        answer=views.DialogList,
    ),
    Route(
        method="GET",
        path="/projects/{project}/counts",
        right=Right.SEE,
        summary="How many dialogs each list has, counted up to a thousand",
        call=counts,
        query=Nothing,
        body=Nothing,
        answer=views.CountsView,
    ),
    Route(
        method="GET",
        path="/dialogs/{dialog}",
        right=Right.SEE,
        summary="A dialog with its contact and the contact's other dialogs",
        call=dialog,
        query=Nothing,
        body=Nothing,
        answer=views.DialogCard,
    ),
    Route(
        method="GET",
        path="/dialogs/{dialog}/log",
        right=Right.SEE,
        summary="Entries of the log, ascending by seq",
        call=log,
        query=LogQuery,
        body=Nothing,
        answer=views.LogView,
    ),
    Route(
        method="GET",
        path="/dialogs/{dialog}/entries/{entry}",
        right=Right.SEE,
        summary="One entry with the same person, also of an earlier dialog: what a quote points at",
        call=entry,
        query=Nothing,
        body=Nothing,
        answer=views.EntryView,
    ),
    Route(
        method="GET",
        path="/dialogs/{dialog}/timeline",
        right=Right.SEE,
        summary="What happened in the dialog besides words, newest first",
        call=timeline,
        query=TimelineQuery,
        body=Nothing,
        answer=views.TimelineView,
    ),
    Route(
        method="PUT",
        path="/dialogs/{dialog}/seen",
        right=Right.SEE,
        summary="Remember the entries up to seq as read by oneself; it only grows",
        call=see,
        query=Nothing,
        body=Seen,
        status=204,
    ),
    Route(
        method="PUT",
        path="/dialogs/{dialog}/draft",
        right=Right.WRITE,
        summary="Keep what one has written and not sent; an empty one ends the draft of its mode. "
        "Sending in that mode ends it too",
        call=begin,
        query=Nothing,
        body=NewDraft,
        status=204,
    ),
    Route(
        method="POST",
        path="/dialogs/{dialog}/messages",
        right=Right.WRITE,
        summary="Answer the visitor; a dialog that nobody owns is taken by it. "
        "200 if the key is already an entry",
        call=reply,
        query=Nothing,
        body=NewMessage,
        answer=views.EntryView,
        status=201,
    ),
    Route(
        method="POST",
        path="/dialogs/{dialog}/messages/{entry}/retry",
        right=Right.WRITE,
        summary="Send a failed or unknown message again",
        call=retry,
        query=Nothing,
        body=Nothing,
        answer=views.EntryView,
    ),
    Route(
        method="POST",
        path="/dialogs/{dialog}/notes",
        right=Right.WRITE,
        summary="Leave a note that only operators see; 200 if the key is already an entry",
        call=note,
        query=Nothing,
        body=NewNote,
        answer=views.EntryView,
        status=201,
    ),
    Route(
        method="POST",
        path="/dialogs/{dialog}/take",
        right=Right.TAKE,
        summary="Make the dialog one's own; of several at once one wins",
        call=take,
        query=Nothing,
        body=Nothing,
        answer=views.DialogView,
    ),
    Route(
        method="POST",
        path="/dialogs/{dialog}/return",
        right=Right.RELEASE,
        summary="Put the dialog back into the queue",
        call=give_back,
        query=Nothing,
        body=Nothing,
        answer=views.DialogView,
    ),
    Route(
        method="POST",
        path="/dialogs/{dialog}/assign",
        right=Right.RELEASE,
        summary="Hand the dialog over to somebody who sees its channel; 409 if another owns it",
        call=assign,
        query=Nothing,
        body=Assigning,
        answer=views.DialogView,
    ),
    Route(
        method="POST",
        path="/dialogs/{dialog}/no-reply",
        right=Right.WRITE,
        summary="Say that nobody waits for an answer; 409 if nobody does",
        call=no_reply,
        query=Nothing,
        body=Nothing,
        answer=views.DialogView,
    ),
    Route(
        method="POST",
        path="/dialogs/{dialog}/emailed",
        right=Right.WRITE,
        summary="Note that the person was answered by e-mail, outside of the hub",
        call=emailed,
        query=Nothing,
        body=Nothing,
        answer=views.DialogView,
    ),
    Route(
        method="POST",
        path="/dialogs/{dialog}/close",
        right=Right.RELEASE,
        summary="Close the dialog",
        call=close,
        query=Nothing,
        body=Closing,
        answer=views.DialogView,
    ),
    Route(
        method="POST",
        path="/dialogs/{dialog}/reopen",
        right=Right.TAKE,
        summary="Open the last episode again",
        call=reopen,
        query=Nothing,
        body=Nothing,
        answer=views.DialogView,
    ),
)
