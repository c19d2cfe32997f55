"""The pure core: every cent is decided here, by functions over frozen values.

No clock, no randomness, no environment, no driver, no logger: time is in the command and in
its place in the log, ids derive from it. The whole of it is meant to be read in one sitting:
`rules` (which accounts), `decide` (which amounts), `refusals` (why not), `reversal`, `accrual`.
"""
