"""The API as a whole: every route there is, and the document that describes them."""

from __future__ import annotations

from aiohttp import web

from web import (
    api_amends,
    api_automations,
    api_bots,
    api_calling,
    api_calls,
    api_channels,
    api_connections,
    api_dialogs,
    api_health,
    api_invalid,
    api_leads,
    api_people,
    api_project,
    api_projects,
    api_reaches,
    api_rules,
    api_search,
    api_segments,
    api_session,
    api_sources,
    api_speech,
    api_trials,
    api_troubles,
    files,
)
from web.openapi import document
from web.routes import ROOT, AnyRoute
from web.routes import add as add_routes

ROUTES: tuple[AnyRoute, ...] = (
    *api_session.ROUTES,
    *api_dialogs.ROUTES,
    *api_amends.ROUTES,
    *api_bots.ROUTES,
    *api_calling.ROUTES,
    *api_project.ROUTES,
    *api_projects.ROUTES,
    *api_channels.ROUTES,
    *api_connections.ROUTES,
    *api_invalid.ROUTES,
    *api_leads.ROUTES,
    *api_calls.ROUTES,
    *api_people.ROUTES,
    *api_sources.ROUTES,
    *api_speech.ROUTES,
    *api_trials.ROUTES,
    *api_reaches.ROUTES,
    *api_rules.ROUTES,
    *api_segments.ROUTES,
    *api_automations.ROUTES,
    *api_search.ROUTES,
    *files.ROUTES,
    *api_health.ROUTES,
    *api_troubles.ROUTES,
)


def add(app: web.Application) -> None:
    add_routes(app, ROUTES)
    app.router.add_get(f"{ROOT}/openapi.json", _describe)


async def _describe(_: web.Request) -> web.StreamResponse:
    return web.Response(body=document(ROUTES), content_type="application/json")
