-- The batch as it would arrive, sorted and cut as the engine gets it; not part of the limit.
-- Parameters: none. Result: none. Locks: none.
CREATE TABLE bench_limit.items AS
SELECT partition_id, tenant_id, loan_id, borrower_id,
    1 + (row_number() OVER () %% 4999)::bigint AS interest_minor,
    1 + (row_number() OVER (PARTITION BY partition_id ORDER BY loan_id) - 1) / 1000 AS entry_seq,
    1 + (row_number() OVER (PARTITION BY partition_id ORDER BY loan_id) - 1) %% 1000 AS sequence
FROM bench_limit.loans
ORDER BY partition_id, loan_id
