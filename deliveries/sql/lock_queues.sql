-- Let nothing be added to these queues until the end of the transaction.
-- Parameters: endpoint_ids, queue_ids (in step). Result: none of use.
-- Locks: the queues, in order of their keys.
SELECT q.endpoint_id
FROM webhook_queues AS q
JOIN unnest(%(endpoint_ids)s::uuid[], %(queue_ids)s::uuid[]) AS w (endpoint_id, queue_id)
  ON q.endpoint_id = w.endpoint_id AND q.queue_id = w.queue_id
ORDER BY q.endpoint_id, q.queue_id
FOR UPDATE OF q;
