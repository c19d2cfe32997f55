"""Files of banks, as statements that `POST /bank-statements` takes."""
