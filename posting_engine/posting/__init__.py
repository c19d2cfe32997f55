"""The pure core: every cent is decided here, by functions over frozen values.

No clock, no randomness, no environment, no driver, no logger: time is in the command and in
its place in the log, ids derive from it. Read `rules` (which accounts), `decide` (who decides
what) and `refusals` (why not) first, then the module of the event in question.
"""
