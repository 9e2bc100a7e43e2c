"""Every collection and every index there is; what is not here cannot be looked up.

The project is the first field of every index. Exceptions, each for a reason: `sessions` and
`operators` belong to people who serve several projects; `lanes`, `rules_due`, `timers_due`,
`early_old`, `files_unused`, `fetches_due`, `notices_due`, `notices_old`, `posts_due`, `posts_old`,
`sms_due`, `sms_old`, `outgoing_due`, `outgoing_old`, `join_keys_old`, the keys of `reaches`,
`log_recent` and `log_reread` are the worker's to-do lists over all projects; `log`, `log_pending`,
`timeline` and `of_dialog` start with the dialog, whose id belongs to one project; `locks` and
`slots` belong to processes, and `to_phone`, `watched` and `slots_old` are of calls of all projects:
a phone is one.
"""

from __future__ import annotations

from typing import Any

from hub.bot import Bot
from hub.calls.call import Call, Seat, Slot
from hub.finding.bookmarks import Bookmark
from hub.leads.lead import Lead
from hub.model import (
    Channel,
    Contact,
    Dialog,
    Document,
    Entry,
    File,
    Group,
    Identity,
    Lock,
    Membership,
    Operator,
    Project,
    Session,
    Timer,
)
from hub.records import (
    Audit,
    Consent,
    ConsentText,
    DeadLetter,
    Early,
    Fact,
    Fetch,
    JoinKey,
    Notice,
    Outgoing,
    Post,
    Pulse,
    Reach,
    ReachKey,
    Sms,
    Trial,
    Words,
)
from hub.requests.automation import Automation, Handled, Segment
from hub.requests.terms import Connection, Invalid
from hub.sites import Sighting
from hub.store.engine import Collection, Index

VERSION = 1

PROJECTS_BY_NAME = Index("by_name", Project, ("name",))

MEMBERS = Index("members", Membership, ("project", "operator"))
MEMBERSHIPS_OF = Index("of_operator", Membership, ("operator", "project"))

CHANNELS = Index("by_project", Channel, ("project", "created_at"))
CHANNELS_ALL = Index("all", Channel, ("created_at",))

GROUPS = Index("by_project", Group, ("project", "name"))

OPERATORS_BY_LOGIN = Index("by_login", Operator, ("login",), unique=True)

SESSIONS_OF = Index("of_operator", Session, ("operator", "created_at"))
SESSIONS_OLD = Index("old", Session, ("expires_at",))

CONTACTS_BY_PHONE = Index("by_phone", Contact, ("project", "phones", "created_at"), each="phones")

IDENTITIES_OF = Index("of_contact", Identity, ("project", "contact", "created_at"))

EPISODES = Index("episodes", Dialog, ("project", "identity", "n"), unique=True)
BY_LIFE = Index("by_life", Dialog, ("project", "open", "last_at"))
BY_OWNER = Index("by_owner", Dialog, ("project", "open", "owner", "last_at"))
BY_AWAITS = Index(
    "by_awaits", Dialog, ("project", "open", "awaits", "waiting_since"), present="waiting_since"
)
BY_CONTACT = Index("by_contact", Dialog, ("project", "contact", "created_at"))
BY_CHANGE = Index("by_change", Dialog, ("project", "changed_at"))
BY_CREATED = Index("by_created", Dialog, ("project", "created_at"))
LANES = Index("lanes", Dialog, ("lane_at",), present="lane_at")
LANES_OF = Index("lanes_of", Dialog, ("project", "channel", "lane_at"), present="lane_at")
RULES_DUE = Index("rules_due", Dialog, ("rules_at",), present="rules_at")

LOG = Index("log", Entry, ("dialog", "seq"), unique=True)
TIMELINE = Index("timeline", Entry, ("dialog", "seq"), present="verb")
LOG_PENDING = Index("log_pending", Entry, ("dialog", "pending", "seq"))
# With dialog and seq it tells where every log ends without a look into the entries.
LOG_RECENT = Index("log_recent", Entry, ("stored_at", "dialog", "seq"))
LOG_REREAD = Index("log_reread", Entry, ("reread_at",), present="reread_at")
BY_EXTERNAL = Index("by_external", Entry, ("project", "external_id"), present="external_id")

BOOKMARKS = Index("of_dialog", Bookmark, ("dialog", "changed_at"))

CONSENTS = Index("of_contact", Consent, ("project", "contact", "purpose", "at"))
CONSENT_TEXTS = Index("by_time", ConsentText, ("project", "created_at"))

LEADS = Index("by_phone", Lead, ("project", "phone", "n"))
LEADS_DUE = Index("due", Lead, ("project", "live", "due_at"), present="due_at")
LEADS_LIVE = Index("by_life", Lead, ("project", "live", "created_at"))
LEADS_ENDED = Index("ended", Lead, ("project", "ended_at"), present="ended_at")
LEADS_OF = Index("of_contact", Lead, ("project", "contacts", "live", "created_at"), each="contacts")
LEADS_IN = Index("of_dialog", Lead, ("project", "dialog", "created_at"), present="dialog")

CALLS = Index("by_time", Call, ("project", "began_at"))
CALLS_LIVE = Index("live", Call, ("project", "live", "began_at"))
CALLS_WITH = Index("by_phone", Call, ("project", "phone", "began_at"))
CALLS_OF = Index("of_lead", Call, ("project", "lead", "began_at"), present="lead")
CALLS_IN = Index("of_dialog", Call, ("project", "dialog", "began_at"), present="dialog")
CALLS_TO = Index("to_phone", Call, ("phone", "dialled_at"), present="dialled_at")
CALLS_WATCHED = Index("watched", Call, ("watch_at",), present="watch_at")

SEATS = Index("by_project", Seat, ("project", "changed_at"))

SLOTS_OLD = Index("slots_old", Slot, ("created_at",))

CONNECTIONS = Index("by_priority", Connection, ("project", "gone", "priority", "created_at"))
INVALID = Index("waiting", Invalid, ("project", "waiting", "created_at"))

SEGMENTS = Index("by_project", Segment, ("project", "created_at"))
AUTOMATIONS = Index("by_project", Automation, ("project", "created_at"))
HANDLED = Index("by_time", Handled, ("project", "automation", "created_at"))
HANDLED_OPEN = Index("open", Handled, ("project", "automation", "open", "created_at"))
HANDLED_IN = Index("of_dialog", Handled, ("dialog", "created_at"))

TIMERS_DUE = Index("timers_due", Timer, ("due_at",), present="due_at")

DEAD_LETTERS = Index("by_time", DeadLetter, ("project", "created_at"))
LETTERS_WAITING = Index("waiting", DeadLetter, ("project", "replayed_at", "created_at"))

EARLY_FOR = Index("early_for", Early, ("project", "about", "created_at"))
EARLY_OLD = Index("early_old", Early, ("created_at",))

FETCHES_DUE = Index("fetches_due", Fetch, ("channel", "due_at"), present="due_at")

REACHES = Index("by_project", Reach, ("project", "created_at"))
REACH_KEYS_OLD = Index("old", ReachKey, ("expires_at",))
NOTICES_DUE = Index("notices_due", Notice, ("due_at",), present="due_at")
NOTICES_SENT = Index("by_external", Notice, ("project", "external_id"), present="external_id")
NOTICES_OLD = Index("notices_old", Notice, ("created_at",))
NOTICES_ABOUT = Index("about_lead", Notice, ("project", "lead", "created_at"), present="lead")
NOTICES_IN = Index("notices_in", Notice, ("project", "dialog", "created_at"))

POSTS_DUE = Index("posts_due", Post, ("due_at",), present="due_at")
POSTS_OLD = Index("posts_old", Post, ("created_at",))
POSTS_IN = Index("posts_in", Post, ("project", "dialog", "created_at"), present="dialog")

SMS_DUE = Index("sms_due", Sms, ("due_at",), present="due_at")
SMS_OLD = Index("sms_old", Sms, ("created_at",))
SMS_IN = Index("sms_in", Sms, ("project", "dialog", "created_at"), present="dialog")

OUTGOING_DUE = Index("outgoing_due", Outgoing, ("due_at",), present="due_at")
OUTGOING_OLD = Index("outgoing_old", Outgoing, ("created_at",))
OUTGOING_IN = Index("outgoing_in", Outgoing, ("project", "dialog", "created_at"), present="dialog")

ERRANDS_IN: tuple[Index[Any], ...] = (NOTICES_IN, POSTS_IN, SMS_IN, OUTGOING_IN)
"""By which what tells of a dialog is found when the dialog goes."""

JOIN_KEYS_OLD = Index("join_keys_old", JoinKey, ("expires_at",))

AUDIT = Index("by_time", Audit, ("project", "created_at"))

FILES = Index("by_time", File, ("project", "created_at"))
FILES_UNUSED = Index("files_unused", File, ("unused_since",), present="unused_since")

FACTS = Index("by_time", Fact, ("project", "created_at"))

WORDS = Index("by_word", Words, ("project", "stems", "at"), each="stems")

COLLECTIONS: tuple[Collection[Any], ...] = (
    Collection("projects", Project, (PROJECTS_BY_NAME,)),
    Collection("memberships", Membership, (MEMBERS, MEMBERSHIPS_OF)),
    Collection("channels", Channel, (CHANNELS, CHANNELS_ALL)),
    Collection("sightings", Sighting),
    Collection("pulses", Pulse),
    Collection("groups", Group, (GROUPS,)),
    Collection("operators", Operator, (OPERATORS_BY_LOGIN,)),
    Collection("sessions", Session, (SESSIONS_OF, SESSIONS_OLD)),
    Collection("contacts", Contact, (CONTACTS_BY_PHONE,), personal=True),
    Collection("identities", Identity, (IDENTITIES_OF,), personal=True),
    Collection(
        "dialogs",
        Dialog,
        (
            EPISODES,
            BY_LIFE,
            BY_OWNER,
            BY_AWAITS,
            BY_CONTACT,
            BY_CHANGE,
            BY_CREATED,
            LANES,
            LANES_OF,
            RULES_DUE,
        ),
        personal=True,
    ),
    Collection(
        "entries",
        Entry,
        (LOG, TIMELINE, LOG_PENDING, LOG_RECENT, LOG_REREAD, BY_EXTERNAL),
        personal=True,
    ),
    Collection("bookmarks", Bookmark, (BOOKMARKS,), personal=True),
    Collection("consents", Consent, (CONSENTS,), personal=True),
    Collection("consent_texts", ConsentText, (CONSENT_TEXTS,)),
    Collection(
        "leads",
        Lead,
        (LEADS, LEADS_DUE, LEADS_LIVE, LEADS_ENDED, LEADS_OF, LEADS_IN),
        personal=True,
    ),
    Collection(
        "calls",
        Call,
        (CALLS, CALLS_LIVE, CALLS_WITH, CALLS_OF, CALLS_IN, CALLS_TO, CALLS_WATCHED),
        personal=True,
    ),
    Collection("seats", Seat, (SEATS,)),
    Collection("slots", Slot, (SLOTS_OLD,)),
    Collection("connections", Connection, (CONNECTIONS,)),
    Collection("invalid_forms", Invalid, (INVALID,), personal=True),
    Collection("segments", Segment, (SEGMENTS,)),
    Collection("automations", Automation, (AUTOMATIONS,)),
    Collection("handled", Handled, (HANDLED, HANDLED_OPEN, HANDLED_IN), personal=True),
    Collection("timers", Timer, (TIMERS_DUE,)),
    Collection("dead_letters", DeadLetter, (DEAD_LETTERS, LETTERS_WAITING), personal=True),
    Collection("early", Early, (EARLY_FOR, EARLY_OLD), personal=True),
    Collection("fetches", Fetch, (FETCHES_DUE,), personal=True),
    Collection("join_keys", JoinKey, (JOIN_KEYS_OLD,), personal=True),
    Collection("trials", Trial),
    Collection("bots", Bot),
    Collection("reaches", Reach, (REACHES,), personal=True),
    Collection("reach_keys", ReachKey, (REACH_KEYS_OLD,)),
    Collection(
        "notices",
        Notice,
        (NOTICES_DUE, NOTICES_SENT, NOTICES_OLD, NOTICES_ABOUT, NOTICES_IN),
        personal=True,
    ),
    Collection("posts", Post, (POSTS_DUE, POSTS_OLD, POSTS_IN), personal=True),
    Collection("sms", Sms, (SMS_DUE, SMS_OLD, SMS_IN), personal=True),
    Collection("outgoing", Outgoing, (OUTGOING_DUE, OUTGOING_OLD, OUTGOING_IN), personal=True),
    Collection("audit", Audit, (AUDIT,), personal=True),
    Collection("files", File, (FILES, FILES_UNUSED), personal=True),
    Collection("facts", Fact, (FACTS,), personal=True),
    Collection("words", Words, (WORDS,), personal=True),
    Collection("locks", Lock),
)

BY_TYPE: dict[type[Document], Collection[Any]] = {each.of: each for each in COLLECTIONS}
