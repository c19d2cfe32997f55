"""Files of banks: what is taken exactly, and what is refused rather than guessed at."""

from datetime import date

import pytest

from hpts.bank_files.camt053 import read_camt053
from hpts.bank_files.csv_file import Columns, read_csv, read_mapping
from hpts.bank_files.statement import BadFile, Line, Statement

CAMT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>
<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-02-03T01:00:00Z</CreDtTm></GrpHdr>
<Stmt><Id>2026-02-02</Id><Acct><Id><IBAN>DE02120300000000202051</IBAN></Id><Ccy>EUR</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">100.00</Amt>
 <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-02-02</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">183.22</Amt>
 <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-02-02</Dt></Dt></Bal>
<Ntry><Amt Ccy="EUR">108.22</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
 <BookgDt><Dt>2026-02-02</Dt></BookgDt><NtryDtls>
 <TxDtls><Refs><EndToEndId>PAY-1</EndToEndId></Refs><Amt Ccy="EUR">100.00</Amt>
  <CdtDbtInd>CRDT</CdtDbtInd><RmtInf><Ustrd>loan 42</Ustrd></RmtInf></TxDtls>
 <TxDtls><Refs><EndToEndId>PAY-2</EndToEndId></Refs><Amt Ccy="EUR">8.22</Amt>
  <CdtDbtInd>CRDT</CdtDbtInd></TxDtls></NtryDtls></Ntry>
<Ntry><NtryRef>FEE</NtryRef><Amt Ccy="EUR">25</Amt><CdtDbtInd>DBIT</CdtDbtInd>
 <Sts><Cd>BOOK</Cd></Sts><BookgDt><DtTm>2026-02-02T10:00:00+01:00</DtTm></BookgDt>
 <AddtlNtryInf>account fee</AddtlNtryInf></Ntry>
<Ntry><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>PDNG</Cd></Sts>
 <BookgDt><Dt>2026-02-02</Dt></BookgDt></Ntry>
</Stmt></BkToCstmrStmt></Document>"""
DAY = date(2026, 2, 2)
BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">&b;</Document>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">&a;</Document>"""


def line(amount_minor: int, direction: str = "in", **more: str) -> Line:
    return Line(booked_on=DAY, direction=direction, amount_minor=amount_minor, **more)


def test_a_camt_statement_is_its_booked_entries_batches_in_their_parts() -> None:
    assert read_camt053(CAMT.encode()) == [
        Statement(
            bank_account_ref="DE02120300000000202051",
            statement_ref="2026-02-02",
            currency="EUR",
            from_date=DAY,
            to_date=DAY,
            lines=[
                line(10000, reference="PAY-1", description="loan 42"),
                line(822, reference="PAY-2"),
                line(2500, "out", reference="FEE", description="account fee"),
            ],
        )
    ]


def test_an_older_version_writes_its_status_otherwise() -> None:
    older = CAMT.replace("001.08", "001.02").replace("<Sts><Cd>BOOK</Cd></Sts>", "<Sts>BOOK</Sts>")
    assert read_camt053(older.encode()) == read_camt053(CAMT.encode())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (CAMT.replace("183.22", "183.21"), "entries are missing"),
        (CAMT.replace("108.22", "108.225"), "2 decimals"),
        (CAMT.replace('<Amt Ccy="EUR">25<', '<Amt Ccy="USD">25<'), "not in EUR"),
        (CAMT.replace("DBIT", "BOTH"), "BOTH"),
        (CAMT.replace(">25<", ">NaN<"), "no amount"),
        (CAMT.replace("camt.053", "pain.001"), "no camt.053"),
        (CAMT[:400], "no XML"),
        (BOMB, "DTDForbidden"),
        (OUTSIDE, "DTDForbidden"),
    ],
)
def test_what_is_not_exact_or_not_safe_is_refused(content: str, why: str) -> None:
    with pytest.raises(BadFile, match=why):
        read_camt053(content.encode())


def read(text: str, columns: Columns, currency: str = "USD") -> Statement:
    return read_csv(text.encode(), columns, account="a", statement="s", currency=currency)


def test_csv_with_signed_amounts() -> None:
    columns = Columns({"booked_on": "Date", "amount": "Amount", "reference": "Ref"})
    text = 'Date,Amount,Ref\n2026-02-02,"1,108.22",A\n2026-02-02,-25.00,\n'
    assert read(text, columns).lines == [line(110822, reference="A"), line(2500, "out")]


def test_csv_with_two_columns_of_amounts_and_a_decimal_comma() -> None:
    mapping = """{"columns": {"booked_on": "Tag", "amount_in": "Haben", "amount_out": "Soll"},
        "date_format": "%d.%m.%Y", "delimiter": ";", "decimal_mark": ",", "encoding": "latin-1"}"""
    text = "Tag;Haben;Soll\n02.02.2026;1.108,22;\n02.02.2026;;25,00\n"
    assert read(text, read_mapping(mapping)).lines == [line(110822), line(2500, "out")]


def test_a_currency_without_decimals_has_none() -> None:
    columns = Columns({"booked_on": "Date", "amount": "Amount"})
    assert read("Date,Amount\n2026-02-02,500\n", columns, "JPY").lines == [line(500)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Date,Amount\n", "no line"),
        ("Date,Sum\n2026-02-02,1\n", "Amount"),
        ("Date,Amount\n2026-02-30,1\n", "line 2: '2026-02-30' is no day"),
        ("Date,Amount\n2026-02-02,1.005\n", "2 decimals"),
        ("Date,Amount\n2026-02-02,ten\n", "no amount"),
        ("Date,Amount\n2026-02-02,0\n", "no amount"),
        ("Date,Amount\n2026-02-02,1,2\n", "another number of cells"),
    ],
)
def test_csv_that_is_not_understood_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadFile, match=why):
        read(text, Columns({"booked_on": "Date", "amount": "Amount"}))


@pytest.mark.parametrize(
    "mapping",
    [
        "{}",
        '{"columns": {"amount": "A"}}',
        '{"columns": {"booked_on": "D", "amount_in": "A"}}',
        '{"columns": {"booked_on": "D", "amount": "A", "colour": "B"}}',
        '{"columns": {"booked_on": "D", "amount": "A"}, "delimiter": ""}',
    ],
)
def test_a_mapping_that_is_not_whole_is_refused(mapping: str) -> None:
    with pytest.raises(BadFile, match="the mapping"):
        read_mapping(mapping)


@pytest.mark.parametrize(
    "amount",
    [
        *("10,50", "1.108,22", "1,10,822.00", ",100", "1,108.2,2", "1,1082", "1000,000", "-,100"),
        *(
            "1_000",
            "\u0661",
            "1e2",
            "1e999999999",
            "--5",
            "5-",
            "0x10",
            "Infinity",
            "sNaN",
            "1.2.3",
        ),
        *(".", "-", "1.000000000000000000000000000001", "9" * 5_000),
    ],
)
def test_an_amount_of_another_spelling_is_refused_and_never_another_amount(amount: str) -> None:
    text = f'Date,Amount\n2026-02-02,"{amount}"\n'
    with pytest.raises(BadFile, match="line 2"):
        read(text, Columns({"booked_on": "Date", "amount": "Amount"}))


@pytest.mark.parametrize(
    ("amount", "amount_minor"),
    [
        *(("1,234,567.8", 123456780), ("+5", 500), (".5", 50), ("5.", 500)),
        *(("-1,000.10", -100010), ("10.500", 1050), ("0000001", 100)),
    ],
)
def test_amounts_that_are_taken_are_exact(amount: str, amount_minor: int) -> None:
    text = f'Date,Amount\n2026-02-02,"{amount}"\n'
    [found] = read(text, Columns({"booked_on": "Date", "amount": "Amount"})).lines
    assert found == line(abs(amount_minor), "in" if amount_minor > 0 else "out")
