"""Asterisk through its REST interface: commands, events, and what a phone did by them."""
