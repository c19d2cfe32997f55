-- Note what a tenant's bank accounts moved by more than the books say. Parameters: tenant_id;
-- bank_account_refs, currencies, differences_minor, line_counts, entry_counts (in step).
-- Result: none. Locks: the rows.
INSERT INTO bank_differences (tenant_id, bank_account_ref, currency, difference_minor,
                              unmatched_line_count, unmatched_entry_count)
SELECT %(tenant_id)s, u.*
FROM unnest(%(bank_account_refs)s::text[], %(currencies)s::text[],
            %(differences_minor)s::numeric[], %(line_counts)s::integer[],
            %(entry_counts)s::integer[]) AS u
ORDER BY 2, 3
ON CONFLICT (tenant_id, bank_account_ref, currency) DO UPDATE
SET difference_minor = excluded.difference_minor,
    unmatched_line_count = excluded.unmatched_line_count,
    unmatched_entry_count = excluded.unmatched_entry_count, checked_at = excluded.checked_at;
