"""What both ways into WhatsApp share, and how each of them tells what happened.

It is a package, and so no kind.
"""
