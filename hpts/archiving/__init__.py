"""Copies of the command log outside Kafka: writing them, proving them, reading them back."""
