"""The commands beside a serving hub: its data (backup, restore, verify, rotate-key), its people."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hub.channels import in_use as channels
from hub.errors import ConfigError
from hub.hub import Hub, opened
from hub.keeping import backup, secrets
from hub.keeping.verify import verify
from hub.model import Operator, OperatorId, ProjectId, Role, now
from hub.requests import importing

if TYPE_CHECKING:
    from hub.config import Settings

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
        "file should lie there already: then a copy that another key has signed is refused.",
    )
    back.add_argument("source", type=Path, metavar="FROM", help="what hub backup wrote")
    walk = verbs.add_parser(
        "verify",
        help="prove that logs, rows and files agree",
        description="Walks the whole store, of either kind, and changes nothing: every log has no "
        "gap, every row is what its log makes of it, every file that is named is there.",
    )
    walk.add_argument("--no-files", action="store_true", help="do not look for the files")
    table = verbs.add_parser(
        "import",
        help="bring the requests of another system from a CSV table",
        description="Each row becomes a request, once, however often the table is brought. The "
        "first line names the columns: Номер, Дата, Тип, Статус, Имя, Телефон, Email, Комментарий, "
        "Сотрудник, Результат, Страница. Date, type and status are needed.",
    )
    table.add_argument("table", type=Path, metavar="TABLE", help="a CSV file")
    table.add_argument(
        "--channel", required=True, help="the channel of forms that they are to stand in"
    )
    table.add_argument("--try", dest="dry", action="store_true", help="read it and keep nothing")
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
    user = verbs.add_parser("user", help="add operators, change passwords")
    users = user.add_subparsers(dest="user_verb", required=True, metavar="COMMAND")
    add = users.add_parser("add", help="add an operator and print a one-time code to sign in with")
    add.add_argument("login")
    add.add_argument("--name", help="as colleagues and visitors see it; default: the login")
    add.add_argument("--project", help="default: the first of config.toml")
    add.add_argument("--lang", choices=["ru", "en"], help="of the inbox; default: the project's")
    add.add_argument("--role", choices=[each.value for each in Role], default=Role.OPERATOR.value)
    passwd = users.add_parser(
        "passwd",
        help="set a password (asked for, or read from standard input) and end open sessions",
    )
    passwd.add_argument("login")
    passwd.add_argument("--code", action="store_true", help="print a one-time code instead")


def run(args: argparse.Namespace, settings: Settings, assembled: Assembled) -> int:
    """Carries out one of these commands; what the shell gets."""
    match args.verb:
        case "backup":
            return asyncio.run(_backup(settings, assembled(), args))
        case "restore":
            return asyncio.run(_restore(settings, args.source))
        case "verify":
            return asyncio.run(_verify(assembled(), files=not args.no_files))
        case "import":
            return asyncio.run(_import(settings, assembled(), args))
        case "rotate-key":
            return asyncio.run(_rotate(settings, assembled(), finish=args.finish))
        case _ if args.user_verb == "add":
            return asyncio.run(_user_add(settings, assembled(), args))
        case _:
            return asyncio.run(_user_passwd(assembled(), args))


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
    is_proven = settings.security.key_file.exists()
    made = await backup.restore(settings, source)
    print(f"Restored as it stood at {made.taken_at.isoformat()} into {settings.data.dir}.")
    if not settings.security.key_file.exists():
        print(f"Put the key file to {settings.security.key_file} before the hub is started.")
    if not is_proven:
        print("Without the key file in its place nobody knows whether this hub made the copy.")
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


async def _import(settings: Settings, hub: Hub, args: argparse.Namespace) -> int:
    try:
        body = await asyncio.to_thread(args.table.read_bytes)
    except OSError as error:
        raise ConfigError(f"{args.table}: {error.strerror or 'cannot be read'}") from None
    async with opened(hub):
        await channels.adopt(hub.engine, hub.vault, settings, now())
        await hub.channels.refresh()
        channel = hub.channels.document(args.channel)
        project = hub.channels.project(channel.project)
        if args.dry:
            rows = list(importing.read(body, project.schedule.zone))
            wrong = [each for each in rows if isinstance(each, importing.Wrong)]
            print(f"{len(rows) - len(wrong)} requests, {len(wrong)} lines that cannot be one.")
        else:
            brought = await importing.bring(hub.engine, project, channel, body, now())
            wrong = list(brought.wrong)
            print(f"{brought.made} brought, {brought.known} were here, {brought.refused} refused.")
    for each in wrong[: importing.TOLD_MAX]:
        print(f"  line {each.line}, {each.column}: {each.why}")
    return 1 if wrong else 0


async def _user_add(settings: Settings, hub: Hub, args: argparse.Namespace) -> int:
    async with opened(hub):
        await channels.adopt(hub.engine, hub.vault, settings, now())
        await hub.channels.refresh()
        project = ProjectId(args.project or next(iter(settings.projects), ""))
        home = hub.channels.project(project)
        lang = args.lang or home.lang
        operator = await hub.accounts.add_operator(args.login, args.name or args.login, lang=lang)
        await hub.accounts.join(OperatorId(operator.id), project, Role(args.role))
        code = await hub.accounts.one_time_code(OperatorId(operator.id))
        print(f"{operator.login} may now sign in with the one-time code {code} (24 hours).")
    return 0


async def _user_passwd(hub: Hub, args: argparse.Namespace) -> int:
    async with opened(hub):
        operator = await _operator(hub, args.login)
        if args.code:
            code = await hub.accounts.one_time_code(OperatorId(operator.id))
            print(f"{operator.login} may sign in with the one-time code {code} (24 hours).")
            return 0
        if sys.stdin.isatty():
            password = await asyncio.to_thread(getpass.getpass, "New password: ")
        else:
            password = sys.stdin.readline().rstrip("\n")
        await hub.accounts.set_password(OperatorId(operator.id), password)
        print(f"The password of {operator.login} is changed; open sessions are ended.")
    return 0


async def _operator(hub: Hub, login: str) -> Operator:
    operator = await hub.accounts.by_login(login)
    if operator is None:
        raise ConfigError(f"there is no operator {login!r}")
    return operator
