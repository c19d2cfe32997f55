"""An archive in a bucket, by HTTP: moto's server, which speaks S3 and is not Amazon's."""

from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from hpts.archiving.check import check
from hpts.archiving.files import ArchiveUnreachable, files_at
from hpts.archiving.source import ArchiveSource
from hpts.rebuilding.source import SourceDamaged
from tests.archiving.small_ledger import SmallLedger
from tests.archiving.test_archive import FEW, LOANS, lend, pay


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server with one bucket, `books`; the settings are those of a user."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "of-a-test",
        "AWS_SECRET_ACCESS_KEY": "of-a-test",
        "AWS_REGION": "us-east-1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="books")
    yield settings["AWS_ENDPOINT_URL"]
    server.stop()


def test_a_bucket_holds_the_same_archive_as_a_folder(small: SmallLedger, bucket: str) -> None:
    lend(small)
    small.apply()
    files = files_at("s3://books/of/lending")
    small.archive(files, FEW)
    pay(small, "third", 2)
    small.apply()
    report = small.archive(files, FEW)

    held, topic = ArchiveSource(files), small.topic
    assert report.records == 2 * len(LOANS)
    check(held)
    assert held.bounds() == topic.bounds()
    for partition_id, (first, end) in topic.bounds().items():
        assert list(held.read(partition_id, first, end)) == list(
            topic.read(partition_id, first, end)
        )

    store = boto3.client("s3", region_name="us-east-1")
    stored = [one["Key"] for one in store.list_objects_v2(Bucket="books")["Contents"]]
    assert sorted(stored) == sorted(
        f"of/lending/{name}" for name in (*held.manifest.names(), "manifest.json")
    )
    store.delete_object(Bucket="books", Key=stored[-1])
    with pytest.raises(SourceDamaged, match="is missing"):
        check(held)


def test_a_bucket_that_is_not_there_is_unreachable_and_not_damaged(
    small: SmallLedger, bucket: str
) -> None:
    with pytest.raises(ArchiveUnreachable, match="s3://another"):
        small.archive(files_at("s3://another/place"))
