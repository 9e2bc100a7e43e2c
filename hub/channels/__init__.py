"""Channels: the port of all kinds, those in use, how each is set up, heard, and how it fares."""
