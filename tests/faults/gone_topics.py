"""Whether topics that were removed have gone."""

from collections.abc import Sequence

from hpts.cluster import Cluster, ClusterUnavailable


def are_gone(cluster: Cluster, topics: Sequence[str]) -> bool:
    """Whether none of them is there; one that is going just now cannot be described whole."""
    try:
        return not cluster.describe(topics)
    except ClusterUnavailable:
        return False
