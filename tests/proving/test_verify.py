"""What `hpts verify` says of sound books, and of books that somebody changed."""

from tests.proving.small_ledger import SmallLedger


def test_sound_books_raise_no_alarm(small_ledger: SmallLedger) -> None:
    report = small_ledger.verify()
    assert [finding.as_json() for finding in report.findings] == []
    assert report.entries > 150
    assert report.covered == report.entries
    assert report.notes == []
