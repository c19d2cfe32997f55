"""`hpts cutover`: words for people; the work is in `cut`."""

import json
import os
from dataclasses import asdict
from typing import Annotated, Final

import typer

from hpts.archiving.files import ArchiveUnreachable, files_at
from hpts.cluster import ClusterUnavailable
from hpts.cutting.cut import CutOverTo
from hpts.cutting.standing import CutOverRefused
from hpts.database import DatabaseRefused
from hpts.local.credentials import SIGNING_KEY_ID
from hpts.provision import TopicsRefused
from hpts.rebuilding.source import SourceDamaged
from hpts.words import HERE, AsJson, DataDir, end, kafka_security, out, servers
from posting_engine.log_answers import LogUnavailable

EXPECTED: Final = (
    *(CutOverRefused, SourceDamaged, TopicsRefused, ArchiveUnreachable),
    *(ClusterUnavailable, DatabaseRefused, LogUnavailable),
)


def cutover(
    *,
    archive: Annotated[
        str, typer.Option("--archive", help="Holds all of the old log: a folder, or s3://...")
    ],
    old_bootstrap: Annotated[
        str | None,
        typer.Option("--old-bootstrap", help="The old cluster; left out where it is lost."),
    ] = None,
    signing_key_id: Annotated[
        str,
        typer.Option("--signing-key", envvar="HPTS_SIGNING_KEY_ID", help="What seals the old log."),
    ] = SIGNING_KEY_ID,
    data_dir: DataDir = HERE,
    as_json: AsJson = False,
) -> None:
    """Let the books go on from a new, empty topic, of the cluster that HPTS_KAFKA_BOOTSTRAP names.

    Exit status 0: cut over; 1: refused, and the books follow the old log; 2: usage.
    """
    admin_dsn, bootstrap = servers(data_dir)
    is_elsewhere = "HPTS_KAFKA_BOOTSTRAP" in os.environ
    try:
        done = CutOverTo(
            admin_dsn=admin_dsn,
            bootstrap=bootstrap,
            archive=files_at(archive),
            signing_key_id=signing_key_id,
            profile=os.environ.get("HPTS_PROFILE") or ("production" if is_elsewhere else "local"),
            durability=os.environ.get("HPTS_DURABILITY") or None,
            old_bootstrap=old_bootstrap,
            security=kafka_security(),
        ).run()
    except EXPECTED as reason:
        end(str(reason), 1)
    if as_json:
        print(json.dumps(asdict(done), indent=1))
        return
    out.print(
        f"hpts: the books follow topic {done.topic_id} now; {sum(done.ends.values())} offsets of "
        f"{done.old_topic_id} are sealed by manifest SHA-256 {done.manifest_sha256}"
    )
    if old_bootstrap is None:
        out.print("hpts: the old cluster was not asked: what it had beyond the archive is lost")
    out.print("hpts: start engines and ingress anew, on the new cluster; go on with `hpts archive`")
