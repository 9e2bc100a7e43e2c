"""Views of a project: its channels, who works in it, and who is asking."""

from __future__ import annotations

from hub.channel import Capabilities
from hub.model import Channel, Project, Role
from hub.statuses import Lang
from web.views import View


class CapabilitiesView(View, frozen=True, kw_only=True):
    text_max_chars: int
    attachments_max: int
    attachment_max_bytes: int
    delivered: bool
    read: bool
    typing: bool
    edits: bool
    deletes: bool


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
            delivered=can.delivered,
            read=can.read,
            typing=can.typing,
            edits=can.edits,
            deletes=can.deletes,
        ),
    )
