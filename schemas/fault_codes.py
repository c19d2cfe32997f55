"""What may be wrong with one member, parameter or header: the codes in a problem's `errors`.

Data only. A `FieldError` has one of these; `/docs` explains each from here.
"""

from typing import Final

FAULTS: Final = {
    "required": "It must be there and is missing.",
    "unknown_field": "It is not known here, or not taken together with the others.",
    "repeated": "It was given more than once.",
    "invalid_type": "It is a JSON value of another kind than it must be.",
    "invalid_format": "It is spelled otherwise than it must be.",
    "invalid_value": "It is none of the values that it may have, or does not fit the others.",
    "invalid_length": "It has too few or too many characters, elements or members.",
    "too_long": "The query string is longer than is taken.",
    "out_of_range": "It is a number, day or instant beyond what is taken.",
    "amount_out_of_range": "It is an amount below the least or above the greatest that is taken.",
    "effective_date_out_of_range": "The day lies further ahead than is taken.",
    "currency_unknown": "It is no ISO 4217 code.",
    "duplicate_loan": "The batch lists the loan before.",
    "manifest_mismatch": "The loans do not add up to it.",
    "invalid_parameter": "The parameter or header is not known here, or malformed.",
}
"""Code -> what is wrong with what `field` points to. `message` says what it must be."""
