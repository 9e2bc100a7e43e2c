"""The platforms played on this machine, as real HTTP servers: for the tests and for `hub demo`.

One module per kind, file name = kind, as among the channels; nothing here is loaded by a hub
that serves real people.
"""
