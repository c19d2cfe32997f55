"""Commands for those who use the ledger: through the SDK and the public API, like anybody else."""
