"""Merkle trees: a growing one, a whole one and every path agree, whatever the size."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from hpts.proving import standalone
from schemas.merkle import Frontier, audit_path, root_of_path

SIZES = st.integers(1, 200)


def leaves(count: int) -> list[bytes]:
    return [sha256(b"%d" % number).digest() for number in range(count)]


def test_the_tree_is_that_of_rfc_6962() -> None:
    def node(left: bytes, right: bytes) -> bytes:
        return sha256(b"\1" + left + right).digest()

    a, b, c = (sha256(b"\0" + one).digest() for one in leaves(3))
    assert Frontier().root() == sha256().digest()
    assert Frontier().grown(leaves(3)).root() == node(node(a, b), c)
    assert audit_path(leaves(3), 2) == [node(a, b)]
    assert audit_path(leaves(3), 0) == [b, c]


@given(SIZES, st.integers(0, 200))
def test_a_tree_grows_to_what_it_would_be_at_once(size: int, cut: int) -> None:
    entry_hashes = leaves(size)
    first = Frontier().grown(entry_hashes[:cut])
    kept = Frontier.from_bytes(first.size, first.packed())
    root = kept.grown(entry_hashes[cut:]).root()
    assert root == Frontier().grown(entry_hashes).root() == standalone.merkle_root(entry_hashes)


@given(SIZES, st.data())
def test_a_path_leads_from_its_leaf_alone_to_the_root(size: int, data: st.DataObject) -> None:
    entry_hashes = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    path, root = audit_path(entry_hashes, index), Frontier().grown(entry_hashes).root()
    assert root_of_path(entry_hashes[index], index, size, path) == root
    assert standalone._root_of_path(entry_hashes[index], index, size, path) == root
    other = data.draw(st.integers(0, size + 1))
    for way in (root_of_path, standalone._root_of_path):
        if other != index:
            assert way(entry_hashes[index], other, size, path) != root
        if path:
            assert way(entry_hashes[index], index, size, path[:-1]) != root
        assert way(bytes(32), index, size, path) != root
        assert way(entry_hashes[index], index, size, [*path, bytes(32)]) != root
