"""A lender that lends: what `hpts demo` posts, and at what pace."""
