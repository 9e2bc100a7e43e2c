"""What VK's adapter is made of beside its way to call: events, errors, files, hooks, polling.

It is a package, and so no kind; it calls VK only by the `Call` that it is given.
"""
