"""Calls by phone: how they are to be made, what became of them, and the port of their engines."""
