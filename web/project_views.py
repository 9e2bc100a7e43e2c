"""Views of a project: its channels, who works in it, and who is asking."""

from __future__ import annotations

from hub.channels.abilities import Ability, Capabilities
from hub.model import Channel, Project, Role
from hub.statuses import Lang
from web.views import View


class CapabilitiesView(View, frozen=True, kw_only=True):
    """`hears` is what the platform tells of the person, `does` what can be done there.

    Seconds of 0 are without end.
    """

    text_max_chars: int
    attachments_max: int
    attachment_max_bytes: int
    hears: list[Ability]
    does: list[Ability]
    window_seconds: int
    edits_seconds: int
    deletes_seconds: int
    reactions: tuple[str, ...]


class ChannelView(View, frozen=True, kw_only=True):
    id: str
    kind: str
    name: str
    enabled: bool
    capabilities: CapabilitiesView


class ChannelList(View, frozen=True, kw_only=True):
    items: list[ChannelView]


class OperatorView(View, frozen=True, kw_only=True):
    id: str
    name: str
    role: Role
    presence: str


class OperatorList(View, frozen=True, kw_only=True):
    items: list[OperatorView]


class ProjectView(View, frozen=True, kw_only=True):
    id: str
    name: str
    lang: Lang
    zone: str
    demo: bool


class MembershipView(View, frozen=True, kw_only=True):
    project: ProjectView
    role: Role


class MyselfView(View, frozen=True, kw_only=True):
    id: str
    login: str
    name: str
    lang: Lang


class MeView(View, frozen=True, kw_only=True):
    operator: MyselfView
    csrf: str
    must_set_password: bool
    memberships: list[MembershipView]
    version: str


def project(document: Project) -> ProjectView:
    return ProjectView(
        id=document.id,
        name=document.name,
        lang=document.lang,
        zone=document.schedule.zone,
        demo=document.demo,
    )


def channel(document: Channel, can: Capabilities) -> ChannelView:
    return ChannelView(
        id=document.id,
        kind=document.kind,
        name=document.name,
        enabled=document.enabled,
        capabilities=CapabilitiesView(
            text_max_chars=can.text_max_chars,
            attachments_max=can.attachments_max,
            attachment_max_bytes=can.attachment_max_bytes,
            hears=sorted(can.hears),
            does=sorted(can.does),
            window_seconds=int(can.window.total_seconds()),
            edits_seconds=int(can.edits_for.total_seconds()),
            deletes_seconds=int(can.deletes_for.total_seconds()),
            reactions=can.reactions,
        ),
    )
