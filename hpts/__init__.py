"""The command line and the local run. May import every other package; none imports it."""
