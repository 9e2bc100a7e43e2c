"""Calls: a pure scenario, a dialer, a worker and one module per engine."""
