"""`hpts dev pki`: certificates for development. Words for people; the work is `local.pki`'s."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from hpts.local.pki import Pki, PkiRefused
from hpts.words import HERE, DataDir, end, out


def pki(
    *,
    partner: Annotated[
        str | None, typer.Option("--partner", help="Issue a new certificate for this partner.")
    ] = None,
    revoke: Annotated[
        Path | None, typer.Option("--revoke", help="Take this certificate back.")
    ] = None,
    data_dir: DataDir = HERE,
) -> None:
    """Make certificates of an own authority (server, partner, revocation list), and list them.

    What is there stays, unless it ends within a month. A running stack takes a changed revocation
    list, and the partner's new certificate, at once.
    """
    authority = Pki(data_dir.absolute() / "pki")
    try:
        authority.prepare()
        if partner is not None:
            authority.issue(partner)
        if revoke is not None:
            out.print(f"hpts: revoked {authority.revoke(revoke)}")
    except PkiRefused as reason:
        end(str(reason), 1)
    table = Table("name", "certificate", "until", "", box=None)
    for name in authority.names_issued():
        until = authority.certificate(name).not_valid_after_utc.date().isoformat()
        state = "revoked" if authority.is_revoked(name) else ""
        table.add_row(name, str(authority.certificate_file(name)), until, state)
    out.print(table)
    out.print(f"hpts: revocation list {authority.revocation_list}")
