-- Keep a statement. Parameters: tenant_id, bank_statement_id, bank_account_ref, statement_ref,
-- currency, from_date, to_date. Result: (bank_statement_id), or no row where the bank account has
-- this statement already. Locks: the new row; waits for another import of the same statement.
INSERT INTO bank_statements (
    tenant_id, bank_statement_id, bank_account_ref, statement_ref, currency, from_date, to_date)
VALUES (%(tenant_id)s, %(bank_statement_id)s, %(bank_account_ref)s, %(statement_ref)s,
        %(currency)s, %(from_date)s, %(to_date)s)
ON CONFLICT (tenant_id, bank_account_ref, statement_ref) DO NOTHING
RETURNING bank_statement_id;
