"""The doors for people and platforms: pages, API, live sockets, widget, hooks."""
