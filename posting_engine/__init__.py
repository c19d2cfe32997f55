"""The single writer: reads the command log, decides, and posts in one transaction per batch."""
