"""An archive in an S3-compatible bucket: the only module that imports obstore (`hpts[s3]`).

Credentials, region and endpoint come from the usual `AWS_*` variables (`AWS_ENDPOINT_URL` for a
store that is not Amazon's, with `AWS_ALLOW_HTTP=true` where it speaks no TLS).
"""

from hpts.archiving.files import ArchiveUnreachable

try:
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import S3Store
except ImportError as error:
    raise ArchiveUnreachable("archives in buckets need a library more: install hpts[s3]") from error


class Bucket:
    """The files below an `s3://bucket/prefix`. A put there is whole or not at all by itself."""

    def __init__(self, place: str) -> None:
        self._place = place.rstrip("/")
        try:
            self._store = S3Store.from_url(self._place)
        except (BaseError, ValueError) as error:
            raise ArchiveUnreachable(f"{place}: {error}") from error

    @property
    def place(self) -> str:
        """The address as given."""
        return self._place

    def read(self, name: str) -> bytes | None:
        """See `Files`."""
        try:
            return bytes(obstore.get(self._store, name).bytes())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise ArchiveUnreachable(f"cannot read {self._place}/{name}: {error}") from error

    def write(self, name: str, data: bytes) -> None:
        """See `Files`. Never in parts: an upload that is given up would leave some behind."""
        try:
            obstore.put(self._store, name, data, use_multipart=False)
        except (BaseError, OSError) as error:
            raise ArchiveUnreachable(f"cannot write {self._place}/{name}: {error}") from error
