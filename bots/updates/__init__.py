"""What platforms tell, read into the hub's events: one module per platform, pure.

It is a package, and so no kind.
"""
