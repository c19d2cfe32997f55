"""The HPTS client for Python: batches of accruals, over HTTP or by writing to Kafka directly."""
