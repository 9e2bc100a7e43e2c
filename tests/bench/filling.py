"""A store of any size, as a hub of some years would have it, filled in minutes.

Every row is the product's own fold of its log and every document goes in by the product's own
statement, but without indexes: the product makes those of the whole at the end.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

from msgspec.structs import replace

from hub.dialogs import dialog_id, draft, entry_id
from hub.finding import words
from hub.fold import closing, fold
from hub.model import (
    Author,
    ChannelId,
    Contact,
    ContactId,
    Dialog,
    DialogId,
    Document,
    EntryId,
    EntryKind,
    EntryPoint,
    Identity,
    IdentityId,
    OutState,
    ProjectId,
    Verb,
    cut,
)
from hub.people.visit import Visit
from hub.records import Words
from hub.statuses import RequestType
from hub.store.schema import BY_TYPE
from hub.store.sqlite_table import Table

MAIN = ProjectId("main")
PROJECTS = (MAIN, MAIN, MAIN, MAIN, ProjectId("north"), ProjectId("south"))
CHANNEL, RARE_CHANNEL = ChannelId("site"), ChannelId("kiosk")
RARE_EVERY = 5_000
"""One dialog in so many came through the other channel."""
NEWEST_OPEN = 180
"""The newest dialogs of all are open, half of them unowned, whatever the size."""
OPEN_SHARE = 0.05
YEARS = timedelta(days=730)
AGAIN_SHARE = 0.1
"""Of the dialogs are another episode of who wrote before."""
BATCH = 2_000
AHEAD = 6
"""Batches drawn before the store asks for them."""

_HEAD = (
    "заказ доставка оплата здравствуйте спасибо можно сколько стоит когда будет привезут адрес "
    "телефон окно дверь размер цвет белый чёрный магазин склад курьер возврат деньги карта счёт "
    "договор скидка цена товар наличие привет подскажите пожалуйста номер город улица дом квартира "
    "завтра сегодня вчера утром вечером неделя месяц год день час минута время работа мастер замер "
    "установка гарантия ремонт стекло ручка замок ключ балкон кухня комната стол стул шкаф диван "
    "кровать лампа краска обои плитка ковёр штора зеркало полка ящик коробка упаковка пакет чек "
    "документ паспорт справка подпись печать почта письмо сайт ссылка пароль вход кабинет корзина "
    "кнопка ошибка экран фото видео файл менеджер директор отзыв жалоба вопрос ответ помощь совет "
    "выбор модель серия партия поставка машина дорога пробка подъезд этаж лифт ждать звонить "
    "писать купить продать вернуть обменять отменить изменить проверить найти получить забрать"
)
_ONSETS = "бр вл гр д др ж зв к кл кр л м н п пл пр р с св ск сл ст т тр ф х ц ч ш щ"
_VOWELS = "а о у ы и е я ё ю"
_ENDINGS = "ка ник ость ание ист ный ной ать ить ом ами"
_FIRST = (
    "Анна Иван Мария Пётр Ольга Сергей Елена Алексей Наталья Дмитрий Ирина Андрей Светлана "
    "Николай Татьяна Михаил Юлия Павел Екатерина Владимир"
)

TAIL = 8_000
PHRASES = 20_000
NAMES = 1_000


Batch = tuple[str, list[Sequence[Any]]]
"""A statement and what it is carried out with, row by row."""


@dataclass(frozen=True)
class Speech:
    """What people say: words by their rank, phrases of them, and what each is found by."""

    ranked: list[str]
    phrases: list[tuple[str, frozenset[str]]]
    names: list[tuple[str, frozenset[str]]]


@cache
def speech() -> Speech:
    """The same for every size, so that one query has its like in each store."""
    random = Random(1)
    ranked = _HEAD.split()
    first, onsets, vowels, endings = (each.split() for each in (_FIRST, _ONSETS, _VOWELS, _ENDINGS))
    common = len(ranked)
    known = set(ranked)
    while len(ranked) < TAIL:
        syllables = random.randint(2, 3)
        stem = "".join(random.choice(onsets) + random.choice(vowels) for _ in range(syllables))
        word = stem + random.choice(endings)
        if word not in known:
            known.add(word)
            ranked.append(word)
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(ranked))))
    phrases = []
    for _ in range(PHRASES):
        said = random.choices(ranked, cum_weights=weights, k=random.randint(3, 8))
        text = " ".join(said).capitalize()
        phrases.append((text, words.stems(text)))
    names = []
    for word in ranked[common : common + NAMES]:
        name = f"{random.choice(first)} {word.capitalize()}ов"
        names.append((name, words.stems(name)))
    return Speech(ranked, phrases, names)


def documents(
    size: int, now: datetime, said: Speech, numbers: Iterable[int] | None = None
) -> Iterator[list[Document]]:
    """Of each dialog in order of time, the last of `size` just before `now`, all its documents.

    With `numbers` only those dialogs of the whole.
    """
    wanted = range(size) if numbers is None else list(numbers)
    random = Random(f"{size}:{wanted[0]}")
    step = YEARS / size
    last: tuple[Contact, Identity, int] | None = None
    for n in wanted:
        at = cut(now - YEARS + n * step)
        made: list[Document] = []
        if last is not None and random.random() < AGAIN_SHARE:
            person, identity, episode = last
            last = person, identity, episode + 1
        else:
            person, identity = _person(random, said, at)
            last = person, identity, 1
            made += [person, identity]
        is_open = n >= size - NEWEST_OPEN or random.random() < OPEN_SHARE
        made += _dialog(random, said, last, at, is_open)
        yield made


def _person(random: Random, said: Speech, at: datetime) -> tuple[Contact, Identity]:
    project = random.choice(PROJECTS)
    id = f"{random.getrandbits(80):020x}"
    channel = CHANNEL if project == MAIN else ChannelId(f"{project}-site")
    if project == MAIN and random.randrange(RARE_EVERY) == 0:
        channel = RARE_CHANNEL
    name = random.choice(said.names)[0] if random.random() < 0.6 else ""
    phones = (f"+79{random.randrange(10**9):09d}",) if random.random() < 0.3 else ()
    contact = Contact(
        id=f"{channel}:{id}", project=project, name=name, phones=phones, created_at=at
    )
    return contact, Identity(
        id=f"{channel}:{id}",
        project=project,
        channel=channel,
        external_id=id,
        contact=ContactId(contact.id),
        name=name,
        phone=phones[0] if phones else "",
        created_at=at,
        seen_at=at,
    )


def _dialog(
    random: Random,
    said: Speech,
    of: tuple[Contact, Identity, int],
    at: datetime,
    is_open: bool,
) -> list[Document]:
    contact, identity, n = of
    row = Dialog(
        id=dialog_id(IdentityId(identity.id), n),
        project=contact.project,
        channel=identity.channel,
        kind="site",
        type=RequestType.LIVE_CHAT,
        identity=IdentityId(identity.id),
        contact=ContactId(contact.id),
        n=n,
        name=contact.name,
        entry_point=EntryPoint(kind="site", value=identity.channel, comment="Сайт"),
        visit=Visit(page="https://shop.example/catalogue/okna", title="Окна", lang="ru"),
        created_at=at,
        last_at=at,
        changed_at=at,
    )
    visitor = Author("visitor", identity.id, contact.name)
    operator = Author("operator", f"op{random.randrange(20)}", "Оператор")
    plan = [EntryKind.IN]
    if random.random() < 0.5:
        pairs = 1 if random.random() < 0.85 else random.randint(2, 8)
        plan += [EntryKind.SYSTEM, *([EntryKind.OUT, EntryKind.IN] * pairs)]
        if random.random() < 0.8:
            plan.pop()
    made: list[Document] = []
    found: frozenset[str]
    for kind in plan:
        at += timedelta(milliseconds=random.randrange(1_000, 400_000))
        id = entry_id(identity.channel, f"{random.getrandbits(64):016x}")
        line = draft(row, id, kind, at, at)
        if kind is EntryKind.SYSTEM:
            line = replace(line, author=operator, verb=Verb.TAKEN)
        else:
            text, found = random.choice(said.phrases)
            if random.random() < 0.1:
                number = f"{random.randrange(10**7):07d}"
                text, found = f"{text}, {number}", found | words.stems(number)
            if kind is EntryKind.IN:
                line = replace(line, author=visitor, text=text, external_id=id)
            else:
                line = replace(line, author=operator, text=text, state=OutState.DELIVERED)
            made.append(_words(row, f"entry:{id}", id, found, at))
        row = fold(row, line)
        made.append(line)
    if not is_open:
        at += timedelta(minutes=5)
        author = operator if row.owner else Author("rule")
        line = replace(
            draft(row, f"{row.id}:{row.seq + 1}:closed", EntryKind.SYSTEM, at, at),
            author=author,
            verb=Verb.CLOSED,
        )
        line = replace(line, cycle=closing(row, line, ""))
        row = fold(row, line)
        made.append(line)
    named = words.stems(row.name, contact.name, *contact.phones)
    if named:
        made.append(_words(row, f"name:{row.id}", None, named, row.created_at))
    # What the worker and the delivery leave when they are done.
    made.append(replace(row, rev=row.seq, ruled_seq=row.seq, rules_at=None, lane_at=None))
    return made


def _words(
    row: Dialog, id: str, entry: EntryId | None, found: frozenset[str], at: datetime
) -> Words:
    return Words(
        id=id,
        project=row.project,
        channel=row.channel,
        dialog=DialogId(row.id),
        entry=entry,
        at=at,
        stems=tuple(sorted(found)),
        read_rev=0 if entry else row.seq,
        rules=words.VERSION,
    )


def statements(made: Iterable[list[Document]]) -> list[Batch]:
    """How the product puts the documents in, together by their kind."""
    tables = {of: Table(kept) for of, kept in BY_TYPE.items()}
    batches: dict[str, list[Sequence[Any]]] = {}
    for group in made:
        for document in group:
            sql, values = tables[type(document)].insert(document)
            batches.setdefault(sql, []).append(values)
    return list(batches.items())


def batches(size: int, now: datetime) -> Iterator[list[Batch]]:
    """The whole store, drawn by every processor there is."""
    parts = [(size, now, n, min(n + BATCH, size)) for n in range(0, size, BATCH)]
    if len(parts) == 1:
        yield _part(parts[0])
        return
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        coming = deque(pool.submit(_part, each) for each in parts[:AHEAD])
        for each in [*parts[AHEAD:], *[None] * AHEAD]:
            if coming:
                yield coming.popleft().result()
            if each is not None:
                coming.append(pool.submit(_part, each))


def _part(of: tuple[int, datetime, int, int]) -> list[Batch]:
    size, now, start, stop = of
    return statements(documents(size, now, speech(), range(start, stop)))


def fill(path: Path, coming: Iterable[list[Batch]]) -> None:
    """Puts all of it into the store, which nobody may have open."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = OFF").fetchall()
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -2000000")
    db.execute("PRAGMA threads = 2")
    _make(db)
    _bare(db)
    db.execute("BEGIN")
    for batch in coming:
        for sql, rows in batch:
            db.executemany(sql, rows)
    _make(db)
    db.execute("COMMIT")
    db.execute("PRAGMA journal_mode = WAL").fetchall()
    db.close()


def _make(db: sqlite3.Connection) -> None:
    for kept in BY_TYPE.values():
        for step in Table(kept).make(db):
            step()


def _bare(db: sqlite3.Connection) -> None:
    """Takes away every index, so that each is made once of the whole."""
    declared = "SELECT type, name FROM sqlite_master WHERE sql IS NOT NULL AND type = ?"
    for kind in ("trigger", "index"):
        for _, name in db.execute(declared, (kind,)).fetchall():
            db.execute(f'DROP {kind} "{name}"')
    for kept in BY_TYPE.values():
        for index in kept.indexes:
            if index.each:
                db.execute(f'DROP TABLE IF EXISTS "{kept.name}_{index.name}"')
