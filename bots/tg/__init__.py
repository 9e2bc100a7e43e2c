"""The parts of the Telegram kind that need no client: updates, what to send, what errors mean.

It is a package, and so no kind.
"""
