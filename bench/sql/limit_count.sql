-- How many loans accrued, and how much.
-- Parameters: accrued_on. Result: one row (count, interest). Locks: none.
SELECT count(*), coalesce(sum(interest_minor), 0)::bigint
FROM bench_limit.loans WHERE accrued_through = %(accrued_on)s
