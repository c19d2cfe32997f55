-- A tenant's trial balance out of the stream alone.
-- Parameters: tenant_id. Result: account_code, currency, debit_minor, credit_minor. Locks: none.
select account_code, currency,
       sum(case direction when 'DR' then amount_minor else 0 end) as debit_minor,
       sum(case direction when 'CR' then amount_minor else 0 end) as credit_minor
from lines
where tenant_id = :tenant_id and layer = 'SETTLED'
group by account_code, currency
order by account_code, currency;
