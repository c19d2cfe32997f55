-- The same loans, in the order in which the ledger has them.
-- Parameters: tenant_id, loan_ids (uuid[]). Result: none. Locks: none.
INSERT INTO bench_limit.loans
SELECT l.* FROM hpts.loans AS l
JOIN unnest(%(loan_ids)s::uuid[]) AS wanted (loan_id) USING (loan_id)
WHERE l.tenant_id = %(tenant_id)s
