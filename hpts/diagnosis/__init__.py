"""What `hpts doctor` looks at: the machine, the brokers, the database, the services."""
