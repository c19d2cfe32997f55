"""Webhooks: what is posted is queued for endpoints, and told to them until they acknowledge it."""
