-- Keep a statement's lines, numbered from 1. Parameters: tenant_id, bank_statement_id,
-- bank_account_ref, currency; booked_on, direction, amount_minor, reference, description (in step).
-- Result: none. Locks: the new rows.
INSERT INTO bank_statement_lines (
    tenant_id, bank_statement_id, sequence, bank_account_ref, currency, booked_on, direction,
    amount_minor, reference, description)
SELECT %(tenant_id)s, %(bank_statement_id)s, sequence, %(bank_account_ref)s, %(currency)s,
       booked_on, direction, amount_minor, reference, description
FROM unnest(%(booked_on)s::date[], %(direction)s::text[], %(amount_minor)s::bigint[],
            %(reference)s::text[], %(description)s::text[])
    WITH ORDINALITY AS u (booked_on, direction, amount_minor, reference, description, sequence);
