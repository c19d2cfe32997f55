-- Every tenant's principal by the ledger's account 1100 and by its loans.
-- Parameters: none. Result: (tenant_id, currency, gl_principal_minor, loans_principal_minor).
-- Locks: none.
SELECT coalesce(a.tenant_id, l.tenant_id) AS tenant_id,
       coalesce(a.currency, l.currency) AS currency,
       coalesce(a.principal_minor, 0) AS gl_principal_minor,
       coalesce(l.principal_minor, 0) AS loans_principal_minor
FROM (
    SELECT tenant_id, currency, sum(debit_minor - credit_minor) AS principal_minor
    FROM account_days
    WHERE account_code = '1100' AND layer = 'SETTLED'
    GROUP BY tenant_id, currency
) AS a
FULL JOIN (
    SELECT tenant_id, currency, sum(principal_minor) AS principal_minor
    FROM loans
    GROUP BY tenant_id, currency
) AS l ON l.tenant_id = a.tenant_id AND l.currency = a.currency;
