-- Remove locked queues in which nothing is pending. Parameters: endpoint_ids, queue_ids (in step).
-- Result: none. Locks: the queues, which the transaction has.
DELETE FROM webhook_queues AS q
USING unnest(%(endpoint_ids)s::uuid[], %(queue_ids)s::uuid[]) AS w (endpoint_id, queue_id)
WHERE q.endpoint_id = w.endpoint_id AND q.queue_id = w.queue_id
  AND NOT EXISTS (
      SELECT FROM webhook_deliveries AS d
      WHERE d.endpoint_id = q.endpoint_id AND d.queue_id = q.queue_id AND d.status = 'pending');
