"""What the kinds that only hear share: reading a form's body, whoever sends it.

A source is told of a request that was filled in elsewhere; there is nobody there to answer.
"""
