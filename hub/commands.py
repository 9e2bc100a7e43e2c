"""The commands that care for the data: backup, restore, verify, rotate-key."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hub import backup, secrets
from hub.hub import Hub, opened
from hub.model import now
from hub.verify import verify

if TYPE_CHECKING:
    from hub.config import Settings

VERBS = ("backup", "restore", "verify", "rotate-key")

Assembled = Callable[[], Hub]


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    copy = verbs.add_parser(
        "backup",
        help="copy the store and its files while the hub serves",
        description="Writes one tar with the store as it stands at one moment and the files that "
        "it names. The key file is not inside, so keep it too: without it the secrets of the "
        "channels cannot be read. For MongoDB see docs/backup.md.",
    )
    copy.add_argument("to", type=Path, metavar="TO", help="the file to write, such as hub.tar")
    copy.add_argument(
        "--with-key",
        action="store_true",
        help="put the key file inside; whoever gets the copy then reads everything",
    )
    back = verbs.add_parser(
        "restore",
        help="put a copy where the settings say that the data lies",
        description="Checks the whole copy first and refuses a folder that holds data. The key "
        "file may lie there already; it must be the one that the copy was written with.",
    )
    back.add_argument("source", type=Path, metavar="FROM", help="what hub backup wrote")
    walk = verbs.add_parser(
        "verify",
        help="prove that logs, rows and files agree",
        description="Walks the whole store, of either kind, and changes nothing: every log has no "
        "gap, every row is what its log makes of it, every file that is named is there.",
    )
    walk.add_argument("--no-files", action="store_true", help="do not look for the files")
    rotate = verbs.add_parser(
        "rotate-key",
        help="put a new key into the key file and encrypt every secret with it",
        description="The older key stays in the file, so that what was signed with it is still "
        "known. Serving processes on this machine take the new file over within seconds; copy it "
        "to other machines at once. It may be cut short and run again.",
    )
    rotate.add_argument(
        "--finish",
        action="store_true",
        help="drop the older keys; visitors who were not seen since rotate-key begin anew",
    )


def run(args: argparse.Namespace, settings: Settings, assembled: Assembled) -> int:
    """Carries out one of VERBS; what the shell gets."""
    match args.verb:
        case "backup":
            return asyncio.run(_backup(settings, assembled(), args))
        case "restore":
            return asyncio.run(_restore(settings, args.source))
        case "verify":
            return asyncio.run(_verify(assembled(), files=not args.no_files))
        case _:
            return asyncio.run(_rotate(settings, assembled(), finish=args.finish))


async def _backup(settings: Settings, hub: Hub, args: argparse.Namespace) -> int:
    async with opened(hub):
        made = await backup.backup(settings, hub.engine, args.to, now, with_key=args.with_key)
    size = sum(each.size_bytes for each in made.parts)
    print(f"{args.to}: {len(made.parts)} parts, {size} bytes, checked and whole.")
    if made.files_elsewhere:
        print(f"The files lie in {settings.files.url} and are not inside; copy the bucket too.")
    if args.with_key:
        print("The key is inside: whoever has this copy reads everything.")
    else:
        print(f"The key is not inside. Keep {settings.security.key_file} in another safe place.")
    for name in made.missing:
        print(f"missing: {name} is named by a message and was not there")
    return 0


async def _restore(settings: Settings, source: Path) -> int:
    made = await backup.restore(settings, source)
    print(f"Restored as it stood at {made.taken_at.isoformat()} into {settings.data.dir}.")
    if not settings.security.key_file.exists():
        print(f"Put the key file to {settings.security.key_file} before the hub is started.")
    return 0


async def _verify(hub: Hub, *, files: bool) -> int:
    async with opened(hub):
        found = await verify(hub.engine, hub.files if files else None)
    print(f"{found.dialogs} dialogs, {found.entries} entries, {found.files} files looked at.")
    if found.behind:
        print(f"{found.behind} rows are behind their log; the next start mends them.")
    for what in found.told:
        print(f"  FAIL  {what}")
    if found.faults > len(found.told):
        print(f"  … and {found.faults - len(found.told)} more")
    print("All agrees." if not found.faults else f"{found.faults} faults.")
    return 1 if found.faults else 0


async def _rotate(settings: Settings, hub: Hub, *, finish: bool) -> int:
    path = settings.security.key_file
    async with opened(hub):
        if finish:
            changed = await secrets.finish(hub.engine, hub.vault, path, now())
            print(f"{changed} channels encrypted anew. Only the newest key is left in {path}.")
            return 0
        changed = await secrets.rotate(hub.engine, hub.vault, path)
    print(f"{path} begins with a new key; {changed} channels encrypted anew.")
    print(
        "Copy the file to other machines now. Later, `hub rotate-key --finish` drops the old key."
    )
    return 0
