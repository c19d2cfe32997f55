"""Amounts and how they are spelled, at the edge and in the database (F47 to F52)."""

from typing import Final

from tests.planted.fault import Change, Fault

BODIES: Final = "tests/edges/test_ingress_bodies.py"
STRICT: Final = "tests/edges/test_ingress_strict_json.py"
COLUMNS: Final = "tests/books/test_amount_columns.py"

AMOUNT_FAULTS: Final = (
    Fault(
        row="F47",
        planted="an amount at the edge has no upper end but its spelling",
        changes=(
            Change(
                "ingress_api/fields.py",
                "        if not minimum_minor <= amount_minor <= maximum_minor:\n",
                "        if amount_minor < minimum_minor:\n",
            ),
        ),
        caught_by=(f"{BODIES}::test_one_amount_is_at_most_fifteen_nines",),
    ),
    Fault(
        row="F47",
        planted="an amount of a journal line has 32 bits",
        changes=(
            Change(
                "schemas/sql/0003_ledger.sql",
                "    amount_minor bigint NOT NULL CHECK (amount_minor > 0),\n    currency",
                "    amount_minor integer NOT NULL CHECK (amount_minor > 0),\n    currency",
            ),
        ),
        caught_by=(f"{COLUMNS}::test_every_amount_has_64_bits_or_is_exact",),
    ),
    Fault(
        row="F47",
        planted="a loan's fees may pass the largest balance in the database",
        changes=(
            Change(
                "schemas/sql/0003_ledger.sql",
                "CHECK (fees_minor BETWEEN 0 AND 999999999999999)",
                "CHECK (fees_minor >= 0)",
            ),
        ),
        caught_by=(f"{COLUMNS}::test_a_sub_balance_is_kept_as_it_is_or_refused",),
    ),
    Fault(
        row="F48",
        planted="a JSON number is money, by way of a float",
        changes=(
            Change(
                "ingress_api/fields.py",
                "        if not isinstance(value, str):\n"
                '            faults.add(pointer, "invalid_type", "must be a string of digits',
                "        if isinstance(value, float):\n            value = str(int(value))\n"
                "        if not isinstance(value, str):\n"
                '            faults.add(pointer, "invalid_type", "must be a string of digits',
            ),
        ),
        caught_by=(f"{BODIES}::test_only_digits_in_a_string_are_money",),
    ),
    Fault(
        row="F49",
        planted="an amount is whatever Python's int() reads",
        changes=(
            Change(
                "schemas/money.py",
                "    if not isinstance(text, str) or _AMOUNT.fullmatch(text) is None:\n",
                "    if not isinstance(text, str) or not text.strip().isdigit():\n",
            ),
        ),
        caught_by=(f"{BODIES}::test_only_digits_in_a_string_are_money",),
    ),
    Fault(
        row="F49",
        planted="what follows an amount does not count",
        changes=(Change("schemas/money.py", "_AMOUNT.fullmatch(text)", "_AMOUNT.match(text)"),),
        caught_by=(f"{BODIES}::test_only_digits_in_a_string_are_money",),
        errors=("ValueError",),
    ),
    Fault(
        row="F50",
        planted="of a member that is named twice the last one counts",
        changes=(
            Change(
                "schemas/strict_json.py",
                "    if len(members) != len(pairs):\n",
                "    if len(members) > len(pairs):\n",
            ),
        ),
        caught_by=(f"{STRICT}::test_a_member_named_twice_is_refused",),
    ),
    Fault(
        row="F51",
        planted="NaN and Infinity are numbers",
        changes=(
            Change("schemas/strict_json.py", "parse_constant=_constant", "parse_constant=float"),
        ),
        caught_by=(f"{STRICT}::test_what_is_not_json_is_refused",),
    ),
    Fault(
        row="F51",
        planted="a number that overflows is infinite",
        changes=(
            Change("schemas/strict_json.py", "    if isinf(number):\n", "    if number is None:\n"),
        ),
        caught_by=(f"{STRICT}::test_what_is_not_json_is_refused",),
    ),
    Fault(
        row="F51",
        planted="nobody has thought of a hundred thousand brackets",
        changes=(
            Change(
                "schemas/strict_json.py",
                "    except RecursionError:\n",
                "    except ZeroDivisionError:\n",
            ),
        ),
        caught_by=(f"{STRICT}::test_what_is_not_json_is_refused",),
        errors=("RecursionError",),
    ),
    Fault(
        row="F52",
        planted="any three letters are a currency",
        changes=(
            Change(
                "schemas/currencies.py",
                "isinstance(code, str) and code in MINOR_UNITS\n",
                "isinstance(code, str) and len(code) == 3\n",
            ),
        ),
        caught_by=(f"{BODIES}::test_what_a_payment_refuses",),
    ),
    Fault(
        row="F52",
        planted="an entry balances over its currencies together",
        changes=(
            Change(
                "posting_engine/posting/journal.py",
                "            difference_minor[line.currency, line.layer] += line.signed_minor\n",
                '            difference_minor["", line.layer] += line.signed_minor\n',
            ),
        ),
        caught_by=("tests/posting/test_journal.py::test_an_entry_that_does_not_balance_is_none",),
    ),
)
