"""Filled forms and what comes of them: connections, segments, automations, their calls planned."""
