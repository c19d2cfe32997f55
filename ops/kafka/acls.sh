#!/bin/sh
# Who may do what on the ledger's topics. Needs kafka-acls.sh (Kafka's own) on the PATH.
#   ops/kafka/acls.sh BOOTSTRAP ADMIN_PROPERTIES
# Passwords: kafka-configs.sh --alter --entity-type users --entity-name hpts-ingress \
#   --add-config 'SCRAM-SHA-512=[password=...]'
# `hpts migrate` and the rebuilding commands run as hpts-admin, a super user.
set -eu
allow() { kafka-acls.sh --bootstrap-server "$bootstrap" --command-config "$admin" --add "$@"; }
bootstrap=$1
admin=$2
commands=hpts.commands.v1 outcomes=hpts.outcomes.v1
checkpoints=hpts.checkpoints.v1 letters=hpts.dead-letters.v1 journal=hpts.journal.v1

# All look whether topics and brokers are safe for money before they serve.
allow --allow-principal User:hpts-ingress --allow-principal User:hpts-engine \
  --allow-principal User:hpts-accruals --allow-principal User:hpts-deliveries \
  --allow-principal User:hpts-reconciliation \
  --operation Describe --operation DescribeConfigs --cluster \
  --topic $commands --topic $outcomes --topic $checkpoints --topic $letters --topic $journal
# Commands are written by ingress, by the engine (follow-ups and chunks), and by direct producers.
allow --allow-principal User:hpts-ingress --allow-principal User:hpts-engine \
  --allow-principal User:hpts-accruals --operation Write --topic $commands
# They are read by the engine alone.
allow --allow-principal User:hpts-engine --operation Read --topic $commands \
  --group hpts-posting-engine --group hpts-gap-reader
allow --allow-principal User:hpts-engine --operation Write \
  --topic $outcomes --topic $checkpoints --topic $letters
# Outcomes are announced to whoever waits for them.
allow --allow-principal User:hpts-ingress --operation Read --topic $outcomes \
  --group hpts-ingress-ungrouped
allow --allow-principal User:hpts-accruals --operation Read --topic $outcomes --topic $letters \
  --group hpts-direct-producer-ungrouped
# The journal is published by deliveries (which read its end again), and read by the witness.
allow --allow-principal User:hpts-deliveries --operation Write --topic $journal
allow --allow-principal User:hpts-deliveries --operation Read --topic $journal \
  --group hpts-deliveries
allow --allow-principal User:hpts-reconciliation --operation Read --topic $journal \
  --group hpts-reconciliation --resource-pattern-type prefixed
