"""The process's settings: read from config.toml once, checked whole, never changed.

What a person may change while the hub runs is not here but in the store.
"""

from __future__ import annotations

import os
import re
import tomllib
from difflib import get_close_matches
from email.utils import parseaddr
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints
from urllib.parse import SplitResult, urlsplit

import msgspec

from hub.errors import ConfigError
from hub.schedule import ScheduleError, daily
from hub.telling.mailbox import is_mailbox

FILE_NAME = "config.toml"

PLACEHOLDERS = frozenset(
    {"changeme", "change-me", "change_me", "example", "password", "placeholder"}
    | {"replace-me", "secret", "todo", "xxx", "your-password"}
)


class Secret(str):
    """A text that does not show itself when a value that holds it is printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('***')" if self else "Secret('')"


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file."""


class Server(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8080
    public_url: str = ""
    trusted_proxies: tuple[str, ...] = ()
    connections_max: Annotated[int, msgspec.Meta(ge=10, le=1_000_000)] = 10_000


class Database(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: Secret = Secret()


class Redis(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: Secret = Secret()


class Data(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    dir: Path = Path("data")
    warn_free_mb: Annotated[int, msgspec.Meta(ge=0)] = 1_000

    @property
    def store(self) -> Path:
        """The file of the embedded store."""
        return self.dir / "hub.db"

    @property
    def files(self) -> Path:
        return self.dir / "files"


class Storage(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `files`: where the bytes of messages lie."""

    url: str = ""
    bucket: str = ""
    region: str = "us-east-1"
    key_id: Secret = Secret()
    secret: Secret = Secret()


class Mail(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Letters by e-mail; without a server none are sent."""

    url: Secret = Secret()
    sender: str = ""
    ca_file: Path = Path()


Days = Annotated[int, msgspec.Meta(ge=0, le=36_500)]


class Backup(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Copies made by the hub itself; no folder, no copies."""

    folder: Path = Path()
    at: Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")] = "03:30"
    keep: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 7


class Retention(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """After how many days what is deleted; 0 keeps it."""

    messages_days: Days = 0
    files_days: Days = 0
    audit_days: Days = 0
    dead_letters_days: Days = 0
    recordings_days: Days = 0


class Security(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key_file: Path = Path()
    session_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 30


class Limits(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    file_max_bytes: Annotated[int, msgspec.Meta(ge=1_000, le=2_000_000_000)] = 20_000_000
    sockets_per_address: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 500
    disk_spare_bytes: Annotated[int, msgspec.Meta(ge=0, le=10**15)] = 500_000_000


class Speech(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The voice that says texts in calls; without a command, the best that is found."""

    command: tuple[str, ...] = ()
    dir: Path = Path()


class Log(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class ProjectCode(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a project is kept as code; the rest is empty here and people set it on a screen.

    `hours` are of every day.
    """

    name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    lang: Literal["", "ru", "en"] = ""
    zone: str = ""
    hours: tuple[str, ...] = ()


class ChannelCode(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A channel kept as code; its kind checks the `settings`."""

    project: str = "main"
    kind: str = "site"
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] = "Сайт"
    settings: dict[str, Any] = {}


class Settings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    server: Server = Server()
    database: Database = Database()
    redis: Redis = Redis()
    data: Data = Data()
    files: Storage = Storage()
    mail: Mail = Mail()
    backup: Backup = Backup()
    retention: Retention = Retention()
    security: Security = Security()
    limits: Limits = Limits()
    speech: Speech = Speech()
    log: Log = Log()
    projects: dict[str, ProjectCode] = msgspec.field(
        default_factory=lambda: {"main": ProjectCode()}
    )
    channels: dict[str, ChannelCode] = msgspec.field(
        default_factory=lambda: {"site": ChannelCode(settings={"origins": []})}
    )


def load(path: Path | None = None) -> Settings:
    """The settings of the file; without a path config.toml of this folder, else the defaults.

    Paths in the result are absolute, relative ones are meant from the file's folder; `env:`
    and `file:` are resolved. Raises ConfigError, which names the key and never its value.
    """
    if path is None:
        path = Path(FILE_NAME)
        raw = _table(path) if path.exists() else {}
    else:
        raw = _table(path)
    return settings(raw, path.absolute().parent)


def settings(raw: dict[str, Any], folder: Path) -> Settings:
    """The same from a table already read, with relative paths meant from the folder."""
    try:
        read = msgspec.convert(raw, Settings, dec_hook=_decoded)
    except msgspec.ValidationError as error:
        raise _named(raw, str(error)) from None
    server = msgspec.structs.replace(read.server, public_url=_public_url(read.server.public_url))
    for number, network in enumerate(server.trusted_proxies):
        try:
            ip_network(network)
        except ValueError:
            raise _bad(
                f"server.trusted_proxies[{number}]",
                "is not an address or a network like 10.0.0.0/8",
            ) from None
    url = _secret("database.url", read.database.url, folder)
    if url and not url.startswith(("mongodb://", "mongodb+srv://")):
        raise _bad("database.url", "must be empty or start with mongodb:// or mongodb+srv://")
    redis = _secret("redis.url", read.redis.url, folder)
    if redis and not redis.startswith(("redis://", "rediss://", "unix://")):
        raise _bad("redis.url", "must be empty or start with redis://, rediss:// or unix://")
    if redis and _split(redis) is None:
        raise _bad("redis.url", "is not an address")
    key_file = read.security.key_file
    if url and key_file == Path():
        raise _bad("security.key_file", "must be given when database.url is set")
    _check_code(read)
    data = msgspec.structs.replace(read.data, dir=folder / read.data.dir)
    return msgspec.structs.replace(
        read,
        server=server,
        database=Database(url=url),
        redis=Redis(url=redis),
        data=data,
        files=_storage(read.files, folder),
        mail=_mail(read.mail, folder),
        backup=_backup(read.backup, folder, embedded=not url),
        speech=_speech(read.speech, folder, data),
        channels={
            id: _channel(f"channels.{id}", each, folder) for id, each in read.channels.items()
        },
        security=msgspec.structs.replace(
            read.security,
            key_file=data.dir / "hub.key" if key_file == Path() else folder / key_file,
        ),
    )


def _storage(files: Storage, folder: Path) -> Storage:
    if not files.url:
        return files
    url = _bare_url("files.url", files.url, "https://s3.example.com")
    for name in ("bucket", "region", "key_id", "secret"):
        if not getattr(files, name):
            raise _bad(f"files.{name}", "must be given when files.url is set")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", files.bucket):
        raise _bad("files.bucket", "is not the name of a bucket")
    return msgspec.structs.replace(
        files,
        url=url,
        key_id=_secret("files.key_id", files.key_id, folder),
        secret=_secret("files.secret", files.secret, folder),
    )


def _mail(mail: Mail, folder: Path) -> Mail:
    url = _secret("mail.url", mail.url, folder)
    if not url:
        return mail
    parts = _split(url)
    if parts is None or parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise _bad("mail.url", "must be empty or look like smtp://name:password@host:587")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise _bad("mail.url", "must end after the host and the port")
    if not is_mailbox(parseaddr(mail.sender)[1]) or not mail.sender.isprintable():
        raise _bad("mail.sender", "must be an address such as Otklik <hub@example.com>")
    ca_file = mail.ca_file if mail.ca_file == Path() else folder / mail.ca_file
    return msgspec.structs.replace(mail, url=url, ca_file=ca_file)


def _backup(backup: Backup, folder: Path, *, embedded: bool) -> Backup:
    if backup.folder == Path():
        return backup
    if not embedded:
        raise _bad("backup.folder", "is for the embedded store; MongoDB has tools of its own")
    return msgspec.structs.replace(backup, folder=folder / backup.folder)


def _speech(speech: Speech, folder: Path, data: Data) -> Speech:
    for number, part in enumerate(speech.command):
        if set(re.findall(r"\{\w*\}", part)) - {"{text_file}", "{out}", "{lang}"}:
            raise _bad(f"speech.command[{number}]", "knows only {text_file}, {out} and {lang}")
        if not part.isprintable():
            raise _bad(f"speech.command[{number}]", "has a character that nobody sees")
    if speech.command and not speech.command[0]:
        raise _bad("speech.command[0]", "must be the name of a program")
    dir = data.dir / "speech" if speech.dir == Path() else folder / speech.dir
    return msgspec.structs.replace(speech, dir=dir)


def _channel(key: str, channel: ChannelCode, folder: Path) -> ChannelCode:
    settings = {
        name: str(_secret(f"{key}.settings.{name}", Secret(value), folder))
        if isinstance(value, str) and value.startswith(("env:", "file:"))
        else value
        for name, value in channel.settings.items()
    }
    return msgspec.structs.replace(channel, settings=settings)


def _check_code(read: Settings) -> None:
    for id, project in read.projects.items():
        _check_id(f"projects.{id}", id)
        try:
            daily(project.zone or "UTC", *project.hours)
        except ScheduleError as error:
            at = "zone" if error.field == "zone" else "hours"
            raise _bad(f"projects.{id}.{at}", str(error)) from None
    for id, channel in read.channels.items():
        _check_id(f"channels.{id}", id)
        if channel.project not in read.projects:
            raise _bad(f"channels.{id}.project", "there is no such project in this file")


def _check_id(key: str, id: str) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", id):
        raise _bad(key, "must be named by small letters, digits and dashes")


def _table(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or 'cannot be read'}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        # The parser's own words quote what stands there, which may be half of a secret.
        where = re.search(r"line \d+, column \d+", str(error))
        raise ConfigError(f"{path}: not valid TOML" + (f", {where[0]}" if where else "")) from None


def _decoded(kind: type, value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("Expected `str`")
    if "\0" in value:
        raise ValueError("Expected text without a zero character")
    return kind(value)


def _bad(key: str, reason: str) -> ConfigError:
    return ConfigError(f"{key}: {reason}", field=key)


def _named(raw: dict[str, Any], text: str) -> ConfigError:
    """msgspec's complaint with the path in the file's own words and without the value."""
    reason, _, at = text.partition(" - at `$")
    path = _exact(raw, at.rstrip("`").lstrip("."))
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", reason, re.DOTALL)
    if unknown:
        key = f"{path}.{unknown[1]}" if path else unknown[1]
        near = get_close_matches(key, KEYS, n=1)
        return _bad(key, "unknown key" + (f"; did you mean {near[0]}?" if near else ""))
    if reason.startswith("Invalid enum value"):
        section, _, name = path.rpartition(".")
        kind = TABLES.get(section.partition(".")[0]) or get_type_hints(Settings)[section]
        allowed = filter(None, get_args(get_type_hints(kind)[name]))
        return _bad(path, f"must be one of {', '.join(allowed)}")
    return _bad(path, reason[:1].lower() + reason[1:])


def _exact(raw: dict[str, Any], path: str) -> str:
    """The path with the name of the table of code that msgspec leaves as dots."""
    section, dots, rest = path.partition("[...]")
    if dots and section in TABLES:
        for id, table in raw[section].items():
            try:
                msgspec.convert(table, TABLES[section])
            except msgspec.ValidationError:
                return f"{section}.{id}{rest}"
    return path


def _secret(key: str, value: Secret, folder: Path) -> Secret:
    source, _, name = value.partition(":")
    if source == "env":
        found = os.environ.get(name, "") if name else ""
        if not found:
            raise _bad(key, "the environment variable it names is not set")
        value = Secret(found)
    elif source == "file":
        try:
            value = Secret((folder / name).read_text().strip())
        except (OSError, ValueError):
            raise _bad(key, "the file it names cannot be read") from None
        if not value:
            raise _bad(key, "the file it names is empty")
    if _is_placeholder(value):
        raise _bad(key, "still holds an example secret; put your own")
    return value


def _is_placeholder(value: str) -> bool:
    parts = _split(value)
    words = {value, (parts.password or "") if parts else ""}
    return any(
        word.lower() in PLACEHOLDERS or (word[:1], word[-1:]) == ("<", ">") for word in words
    )


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _public_url(url: str) -> str:
    if not url:
        return ""
    return _bare_url("server.public_url", url, "https://chat.example.com")


def _bare_url(key: str, url: str, like: str) -> str:
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise _bad(key, f"must look like {like}")
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise _bad(key, "must end after the host and the port")
    return f"{parts.scheme}://{parts.netloc}"


def _keys() -> list[str]:
    return [
        f"{section}.{name}"
        for section, kind in get_type_hints(Settings).items()
        if isinstance(kind, type) and issubclass(kind, Section)
        for name in get_type_hints(kind)
    ]


KEYS = _keys()
TABLES: dict[str, type[Section]] = {"projects": ProjectCode, "channels": ChannelCode}
