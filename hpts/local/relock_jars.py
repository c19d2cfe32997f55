"""Writes `kafka.lock` anew: `python -m hpts.local.relock_jars`, after a change of ROOTS.

Resolves the dependencies with `jgo`, fetches each jar once, and writes coordinates and hashes,
no address. Whoever runs it reviews the difference: the hashes are trusted from then on.
"""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from hashlib import file_digest
from pathlib import Path
from typing import Final

from jgo.maven import Dependency, MavenContext

from hpts.local.jars import Jar, download

KAFKA: Final = "4.3.1"
LOG4J: Final = "2.25.2"
ROOTS: Final = (
    ("org.apache.kafka", "kafka_2.13", KAFKA),
    ("org.apache.kafka", "kafka-clients", KAFKA),  # else the resolver takes an older one
    ("org.apache.kafka", "kafka-tools", KAFKA),
    ("org.apache.logging.log4j", "log4j-core", LOG4J),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J),  # Kafka speaks SLF4J 1.7
)
HEADER: Final = "# Written by `python -m hpts.local.relock_jars`: coordinate, SHA-256.\n"


def main() -> None:
    """Resolve, fetch, hash, write."""
    with tempfile.TemporaryDirectory() as folder:
        context = MavenContext(repo_cache=Path(folder), local_repos=[], timeout=30)
        roots = [
            Dependency(context.project(group, artifact).at_version(version).artifact())
            for group, artifact, version in ROOTS
        ]
        wanted, transitive = context.resolver.resolve(roots)
        unhashed = [
            Jar(found.groupId, found.artifactId, found.version, "")
            for found in [*wanted, *transitive]
            if found.type == "jar" and found.scope in (None, "compile", "runtime")
        ]
        with ThreadPoolExecutor(4) as executor:
            lines = sorted(executor.map(lambda jar: _line(context, jar), unhashed))
    Path(__file__).with_name("kafka.lock").write_text(HEADER + "".join(lines), encoding="utf-8")


def _line(context: MavenContext, jar: Jar) -> str:
    with download(context, jar).open("rb") as content:
        return f"{jar.coordinate} {file_digest(content, 'sha256').hexdigest()}\n"


if __name__ == "__main__":
    main()
