#!/usr/bin/env bash
# A term loan from the first disbursement to the last payment, by `hpts post` alone.
set -euo pipefail

loan=$(python3 -c 'import uuid; print(uuid.uuid4())')
borrower=$(python3 -c 'import uuid; print(uuid.uuid4())')

hpts post disbursement "loan_id=$loan" "borrower_id=$borrower" amount_minor=120000 currency=USD \
  method=ach effective_at=2026-01-05 --key "disbursement:$loan"

cat > night.json <<END
{"program_id": "$borrower", "accrual_date": "2026-01-31", "day_count_convention": "ACT_365", "currency": "USD",
 "loans": [{"loan_id": "$loan", "outstanding_principal_minor": "120000", "interest_minor": "855"}]}
END
hpts post accrual-batch --file night.json --key "accrual:$borrower:2026-01-31"

hpts post payment "loan_id=$loan" "borrower_id=$borrower" amount_minor=60855 currency=USD \
  source_method=ach effective_at=2026-02-01 --key "payment:$loan:1"

hpts post payment "loan_id=$loan" "borrower_id=$borrower" amount_minor=60000 currency=USD \
  source_method=ach effective_at=2026-03-01 --key "payment:$loan:2"
