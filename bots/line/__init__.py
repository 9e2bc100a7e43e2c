"""What the kinds that speak HTTP share: one way to call a platform, and to cut and mark text.

It is a package, and so no kind.
"""
