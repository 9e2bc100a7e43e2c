"""The bytes that people send: kept, brought from platforms, made small, made playable."""
