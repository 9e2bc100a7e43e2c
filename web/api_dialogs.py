"""Lists, logs and what operators do with a dialog."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hub.model import DialogId, Entry, FileId
from hub.rights import Right, What, may
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
    sort: Literal["last", "waiting"] = "last"
    after: Annotated[str, Meta(max_length=2_000)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class LogQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without any bound the last entries; `around_seq` goes before the other two."""

    around_seq: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    after_seq: Annotated[int, Meta(ge=0, le=2**53)] | None = None
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


class NameQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(max_length=1_000)] = "file"


async def dialogs(ask: Ask[ListQuery, Nothing]) -> views.DialogList:
    query = ask.query
    page = await ask.hub.desk.dialogs(
        ask.who,
        ask.project,
        query.view,
        channel=query.channel,
        awaits=query.awaits,
        sort=query.sort,
        after=query.after,
        limit=query.limit,
    )
    cut_short = page.next is not None and len(page.items) < query.limit
    return views.DialogList(
        items=[ask.state.views.dialog(row) for row in page.items],
        next=page.next,
        looked_back_to=page.last.last_at if cut_short and page.last else None,
    )


async def counts(ask: Ask[Nothing, Nothing]) -> views.CountsView:
    counted = await ask.hub.desk.counts(ask.who, ask.project)
    return views.CountsView(
        queue=views.count(counted["queue"]),
        mine=views.count(counted["mine"]),
        all=views.count(counted["all"]),
        waiting=views.count(counted["waiting"]),
    )


async def channels(ask: Ask[Nothing, Nothing]) -> views.ChannelList:
    shown = []
    allowed = ask.who.channels(ask.project)
    for document in ask.hub.channels.of(ask.project):
        if document.enabled and (allowed is None or document.id in allowed):
            can = ask.hub.channels.get(document.id).capabilities
            shown.append(views.channel(document, can))
    return views.ChannelList(items=shown)


async def operators(ask: Ask[Nothing, Nothing]) -> views.OperatorList:
    present = await ask.hub.bus.present(ask.project)
    return views.OperatorList(
        items=[
            views.OperatorView(
                id=operator.id,
                name=operator.name,
                role=membership.role,
                presence=present.get(membership.operator, "offline"),
            )
            for operator, membership in await ask.hub.accounts.members(ask.project)
        ]
    )


async def dialog(ask: Ask[Nothing, Nothing]) -> views.DialogCard:
    row = ask.dialog
    others = [
        ask.state.views.dialog(other)
        for other in await ask.hub.desk.others(row)
        if may(ask.who, Right.SEE, What(other.project, other.channel))
    ]
    return views.DialogCard(
        dialog=ask.state.views.dialog(row),
        contact=views.contact(await ask.hub.desk.contact(row)),
        others=others,
    )


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


async def close(ask: Ask[Nothing, Closing]) -> views.DialogView:
    row = await ask.hub.desk.close(ask.who, ask.dialog.id, ask.body.result)
    return ask.state.views.dialog(row)


async def reopen(ask: Ask[Nothing, Nothing]) -> views.DialogView:
    return ask.state.views.dialog(await ask.hub.desk.reopen(ask.who, ask.dialog.id))


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path="/projects/{project}/operators",
        right=Right.SEE,
        summary="Who works in the project and who of them is there",
        call=operators,
        query=Nothing,
        body=Nothing,
        answer=views.OperatorList,
    ),
    Route(
        method="GET",
        path="/projects/{project}/channels",
        right=Right.SEE,
        summary="The project's channels and what each can do",
        call=channels,
        query=Nothing,
        body=Nothing,
        answer=views.ChannelList,
    ),
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
