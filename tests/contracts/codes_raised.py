"""Which codes the source gives to a call: found in the syntax, literal by literal.

A call that takes a code, `Problem(code=...)`, is the seed. A function that hands one of its own
parameters on to such a call takes a code, too, and so on; private names count in their module.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Takes:
    """Where a call has its code: the parameter's name, and its place among those without one."""

    name: str
    place: int


@dataclass
class Codes:
    """`literal`: code -> where it is given. `other`: what is no literal, as it is written."""

    literal: dict[str, set[str]] = field(default_factory=dict)
    other: set[str] = field(default_factory=set)


def codes_given(packages: Mapping[str, tuple[str, ...]], seeds: Mapping[str, Takes]) -> Codes:
    """Every code given in these packages (name -> modules left out) to a seed or what leads there.

    What leads to a seed is found in the same packages.
    """
    trees = dict(_trees(packages))
    takes = {("", name): one for name, one in seeds.items()}
    codes = Codes()
    while True:
        before = len(takes)
        codes = Codes()
        for module, tree in trees.items():
            for function, call in _calls(tree, None):
                found = takes.get((module, _name(call))) or takes.get(("", _name(call)))
                if found is not None and (given := _argument(call, found)) is not None:
                    _note(module, function, given, takes, codes)
        if len(takes) == before:
            return codes


def _trees(packages: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, ast.Module]]:
    for package, left_out in packages.items():
        for file in sorted((ROOT / package).rglob("*.py")):
            module = file.relative_to(ROOT).as_posix()
            if file.stem not in left_out:
                yield module, ast.parse(file.read_text(encoding="utf-8"))


def _calls(node: ast.AST, function: Function | None) -> Iterator[tuple[Function | None, ast.Call]]:
    """Every call, with the function that it is made in."""
    if isinstance(node, Function):
        function = node
    if isinstance(node, ast.Call):
        yield function, node
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, function)


def _name(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _argument(call: ast.Call, takes: Takes) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == takes.name:
            return keyword.value
    return call.args[takes.place] if 0 <= takes.place < len(call.args) else None


def _note(
    module: str,
    function: Function | None,
    given: ast.expr,
    takes: dict[tuple[str, str], Takes],
    codes: Codes,
) -> None:
    match given:
        case ast.Constant(value=str(code)):
            codes.literal.setdefault(code, set()).add(module)
        case ast.IfExp(body=one, orelse=other):
            for either in (one, other):
                _note(module, function, either, takes, codes)
        case ast.Name(id=name) if function is not None and name in (own := _parameters(function)):
            place = own.index(name) if name in own[: len(function.args.args)] else -1
            is_method = own[0] == "self"
            where = module if function.name.startswith("_") else ""
            takes[where, function.name] = Takes(name, place - is_method)
        case ast.Name(id=name) if function is not None and (values := _assigned(function, name)):
            for value in values:
                _note(module, function, value, takes, codes)
        case _:
            codes.other.add(f"{module}: {ast.unparse(given)}")


def _parameters(function: Function) -> list[str]:
    return [one.arg for one in (*function.args.args, *function.args.kwonlyargs)]


def _assigned(function: Function, name: str) -> list[ast.expr]:
    """What is assigned to a local name, alone or as one of several."""
    values: list[ast.expr] = []
    for node in ast.walk(function):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            match target, node.value:
                case ast.Name(id=known), value if known == name:
                    values.append(value)
                case ast.Tuple(elts=names), ast.Tuple(elts=several):
                    pairs = zip(names, several, strict=True)
                    values += [v for n, v in pairs if isinstance(n, ast.Name) and n.id == name]
    return values
