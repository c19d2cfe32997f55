"""ISO 20022 camt.053, a bank's statement of a day: what is booked of it, and nothing else.

Read with defusedxml: no entities, no DTD, nothing fetched. Any version of camt.053.001 is taken:
the elements that are read are in all of them. An entry of several transactions is as many lines
where each has its amount and they add up, else one. A statement whose balances do not agree with
its entries is refused (docs/decisions/0053 says why this is no library's).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hpts.bank_files.statement import BadFile, Line, Statement, day_of, minor_of

NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:camt.053.001."
_DIRECTIONS: Final = {"CRDT": "in", "DBIT": "out"}
_NOT_PROVIDED: Final = "NOTPROVIDED"


def read_camt053(content: bytes) -> list[Statement]:
    """Every statement of a message; raises `BadFile`."""
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise BadFile(f"no XML that is taken: {error!r}") from None
    namespace = root.tag[1:].partition("}")[0]
    if not namespace.startswith(NAMESPACE):
        raise BadFile(f"no camt.053 message: its namespace is {namespace!r}")
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    found = [_statement(one) for one in root.iterfind("BkToCstmrStmt/Stmt")]
    if not found:
        raise BadFile("the message has no statement (BkToCstmrStmt/Stmt)")
    return found


def _statement(one: Element) -> Statement:
    name = _text(one, "Id", "a statement")
    where = f"statement {name}"
    account = one.findtext("Acct/Id/IBAN") or _text(one, "Acct/Id/Othr/Id", where)
    balances = {
        code: balance
        for balance in one.iterfind("Bal")
        if (code := balance.findtext("Tp/CdOrPrtry/Cd")) in ("OPBD", "CLBD")
    }
    currency = one.findtext("Acct/Ccy") or _currency_of(balances.get("CLBD"), where)
    lines = [line for entry in one.iterfind("Ntry") for line in _lines(entry, currency, where)]
    _must_agree(balances, lines, currency, where)
    first_on, last_on = one.findtext("FrToDt/FrDtTm"), one.findtext("FrToDt/ToDtTm")
    days = [line.booked_on for line in lines]
    days += [_day(text, where) for text in (first_on, last_on) if text]
    days += [_day(_dated(balance, where), where) for balance in balances.values()]
    if not days:
        raise BadFile(f"{where}: says nothing of its days")
    return Statement(
        bank_account_ref=account,
        statement_ref=name,
        currency=currency,
        from_date=_day(first_on, where) if first_on else min(days),
        to_date=_day(last_on, where) if last_on else max(days),
        lines=lines,
    )


def _must_agree(
    balances: Mapping[str, Element], lines: Sequence[Line], currency: str, where: str
) -> None:
    """Where both balances are told, the lines lead from one to the other."""
    if len(balances) < 2:
        return
    opening_minor = _signed(balances["OPBD"], currency, where)
    closing_minor = _signed(balances["CLBD"], currency, where)
    moved_minor = sum(
        line.amount_minor if line.direction == "in" else -line.amount_minor for line in lines
    )
    if opening_minor + moved_minor != closing_minor:
        raise BadFile(
            f"{where}: {opening_minor} and entries of {moved_minor} are not {closing_minor} "
            "(minor units): entries are missing, or not booked"
        )


def _lines(entry: Element, currency: str, where: str) -> list[Line]:
    """The lines of an entry; none of one that is not booked."""
    status = entry.findtext("Sts/Cd") or entry.findtext("Sts")
    if (status or "").strip() != "BOOK":
        return []
    booked_on = _day(_dated(entry, where, "BookgDt"), where)
    total_minor = _amount(entry, "Amt", currency, where)
    direction = _direction(entry, where)
    parts = entry.findall("NtryDtls/TxDtls")
    amounts = [_part_amount(part, currency, where) for part in parts]
    is_split = (
        len(parts) > 1
        and all(part.findtext("CdtDbtInd") in (None, entry.findtext("CdtDbtInd")) for part in parts)
        and sum(amount_minor or 0 for amount_minor in amounts) == total_minor
        and all(amounts)
    )
    only = parts[0] if len(parts) == 1 else None
    split = zip(parts, amounts, strict=True) if is_split else [(only, total_minor)]
    return [
        Line(
            booked_on=booked_on,
            direction=direction,
            amount_minor=amount_minor or 0,
            reference=_reference(part) or (None if is_split else _name_of(entry)),
            description=_remitted(part) or entry.findtext("AddtlNtryInf"),
        )
        for part, amount_minor in split
    ]


def _name_of(entry: Element) -> str | None:
    return (entry.findtext("NtryRef") or "").strip() or None


def _remitted(part: Element | None) -> str | None:
    return None if part is None else part.findtext("RmtInf/Ustrd")


def _reference(part: Element | None) -> str | None:
    """What the sender called it: the only name that both sides know."""
    if part is None:
        return None
    for path in ("Refs/EndToEndId", "Refs/InstrId"):
        text = (part.findtext(path) or "").strip()
        if text and text != _NOT_PROVIDED:
            return text
    return None


def _part_amount(part: Element, currency: str, where: str) -> int | None:
    for path in ("Amt", "AmtDtls/TxAmt/Amt"):
        found = part.find(path)
        if found is not None and found.get("Ccy") == currency:
            return _amount(part, path, currency, where)
    return None


def _signed(balance: Element, currency: str, where: str) -> int:
    amount_minor = _amount(balance, "Amt", currency, where)
    return amount_minor if _direction(balance, where) == "in" else -amount_minor


def _amount(element: Element, path: str, currency: str, where: str) -> int:
    found = element.find(path)
    if found is None or found.get("Ccy") != currency:
        raise BadFile(f"{where}: {element.tag}/{path} is missing or not in {currency}")
    return minor_of((found.text or "").strip(), currency, where)


def _direction(element: Element, where: str) -> str:
    word = _text(element, "CdtDbtInd", where)
    if word not in _DIRECTIONS:
        raise BadFile(f"{where}: {element.tag}/CdtDbtInd is {word!r}")
    return _DIRECTIONS[word]


def _currency_of(balance: Element | None, where: str) -> str:
    found = None if balance is None else balance.find("Amt")
    currency = None if found is None else found.get("Ccy")
    if currency is None:
        raise BadFile(f"{where}: says nothing of its currency")
    return currency


def _dated(element: Element, where: str, path: str = "Dt") -> str:
    return element.findtext(f"{path}/DtTm") or _text(element, f"{path}/Dt", where)


def _day(text: str, where: str) -> date:
    """A day, or that of an instant: the bank's own, whatever its zone."""
    return day_of(text.strip()[:10], "%Y-%m-%d", where)


def _text(element: Element, path: str, where: str) -> str:
    text = (element.findtext(path) or "").strip()
    if not text:
        raise BadFile(f"{where}: {element.tag}/{path} is missing")
    return text
