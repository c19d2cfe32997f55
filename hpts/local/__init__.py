"""Everything that `hpts up` starts on one machine: real Kafka, real Postgres, the services."""
