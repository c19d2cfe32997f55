"""What the processes must agree on: commands, topics, tables, ids, money. Imports no service."""
