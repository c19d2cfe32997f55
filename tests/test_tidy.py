"""The guide is executable: what ruff, mypy and import-linter cannot hold, is held here.

Each test collects every place that breaks one rule and shows them all.
"""

import ast
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "posting_engine" / "posting"
SERVICES = {"ingress_api", "posting_engine", "read_api", "deliveries", "reconciliation", "console"}
PACKAGES = {"schemas", "hpts", "clients"} | SERVICES

MODULE_LINES = 350
FUNCTION_LINES = 40
CORE_LINES = 3_000

CORE_MAY_IMPORT = re.compile(
    r"bisect|collections(\.abc)?|dataclasses|datetime|enum|functools|hashlib|itertools|operator"
    r"|re|struct|types|typing|uuid"
    r"|schemas\.(chart_of_accounts|commands|ids|money)|posting_engine\.posting(\..+)?"
)
BY_ARRAYS = "accrual_columns.py"
"""The one module of the core that may use numpy."""
CLOCK_OR_CHANCE = {"now", "utcnow", "today", "uuid1", "uuid4", "perf_counter", "monotonic"}
ONE_IMPORTER_EACH = {"fastavro", "obstore", "jwt", "confluent_kafka", "psycopg", "faust"}
NAMES_WITHOUT_A_CONCEPT = re.compile(
    r"(?:.*_)?(?:utils?|helpers?|common|misc|base|managers?)", re.ASCII
)
MONEY_WORDS = {
    *("amount", "balance", "principal", "interest", "fee", "fees", "suspense", "unsettled"),
    *("collected", "recovered", "money", "price", "shortfall"),
}
NOT_AN_AMOUNT = ("_minor", "_id", "_seq", "_count", "_days", "_ms", "_s", "_lines", "_version")
SQL_IN_PYTHON = re.compile(
    r"\bSELECT\s+[\w*(%$]|\bINSERT\s+INTO\b|\bUPDATE\s+[\w.{}]+\s+SET\b|\bDELETE\s+FROM\b"
    r"|\A\s*(?:select\s.+\sfrom|insert\s+into|update\s+\S+\s+set|delete\s+from)\s"
)


def tracked_files() -> list[Path]:
    """What is in the repository or about to be: everything git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


FILES = tracked_files()
MODULES = {
    path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES if path.suffix == ".py"
}


def at(path: Path, line: int | None = None) -> str:
    """A place, as an editor opens it."""
    return f"{path.relative_to(ROOT)}" + (f":{line}" if line else "")


def in_package(path: Path) -> str:
    """The first-level folder of a file."""
    return path.relative_to(ROOT).parts[0]


def imports_of(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every imported module with its line; `from schemas import ids` counts as `schemas.ids`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if (ROOT / module.replace(".", "/")).is_dir():
                yield from ((f"{module}.{name.name}", node.lineno) for name in node.names)
            else:
                yield module, node.lineno


def docstrings_of(tree: ast.AST) -> set[int]:
    """Identities of the nodes that are documentation: a string that is a whole statement."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def core() -> list[tuple[Path, ast.Module]]:
    return [(path, tree) for path, tree in MODULES.items() if path.is_relative_to(CORE)]


def test_the_core_imports_only_data_modules_and_what_processes_agree_on() -> None:
    faults = [
        f"{at(path, line)} imports {module}"
        for path, tree in core()
        for module, line in imports_of(tree)
        if not CORE_MAY_IMPORT.fullmatch(module)
        and not (path.name == BY_ARRAYS and module in ("numpy", "numpy.typing"))
    ]
    assert not faults, "\n".join(faults)


def test_the_core_has_no_float_no_clock_and_no_chance() -> None:
    faults = [
        f"{at(path, getattr(node, 'lineno', None))}: {why}"
        for path, tree in core()
        for node in ast.walk(tree)
        if (why := impurity(node))
    ]
    assert not faults, "\n".join(faults)


def impurity(node: ast.AST) -> str | None:
    """Why this node must not stand in the core, or None."""
    match node:
        case ast.Constant(value=float() | complex()):
            return "a float"
        case ast.Name(id="float" | "Decimal" | "Fraction" as name):
            return name
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            return "a division that gives a float"
        case ast.Attribute(attr=name) if name in CLOCK_OR_CHANCE:
            return f".{name}: a clock or chance"
        case ast.AsyncFunctionDef() | ast.Await():
            return "async"
        case ast.Name(id="open" | "print" | "input" as name):
            return name
    return None


def test_the_core_can_be_read_whole() -> None:
    total = sum(len(path.read_text(encoding="utf-8").splitlines()) for path, _ in core())
    assert total <= CORE_LINES


def test_modules_are_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    faults = [f"{at(path)}: {n} lines" for path, n in lengths.items() if n > MODULE_LINES]
    assert not faults, "\n".join(faults)


def test_functions_are_short() -> None:
    faults = [
        f"{at(path, node.lineno)}: {node.name} has {body_length(node)} lines"
        for path, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and body_length(node) > FUNCTION_LINES
    ]
    assert not faults, "\n".join(faults)


def body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body without its docstring."""
    body = function.body
    if ast.get_docstring(function, clean=False) is not None:
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_sql_lives_in_sql_files() -> None:
    faults = []
    for path, tree in MODULES.items():
        if in_package(path) not in PACKAGES:
            continue
        documentation = docstrings_of(tree)
        for node in ast.walk(tree):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if is_text and id(node) not in documentation and SQL_IN_PYTHON.search(node.value):
                faults.append(f"{at(path, node.lineno)}: {node.value.strip()[:60]!r}")
    assert not faults, "\n".join(faults)


def test_amounts_name_their_unit() -> None:
    faults = []
    for path, tree in MODULES.items():
        if in_package(path) not in PACKAGES:
            continue
        for node in ast.walk(tree):
            name, annotation = declared(node)
            if annotation in ("int", "int | None") and is_money(name):
                faults.append(f"{at(path, getattr(node, 'lineno', None))}: {name}")
    assert not faults, "\n".join(faults)


def declared(node: ast.AST) -> tuple[str, str]:
    """Name and annotation that a node declares; empty when it declares none."""
    match node:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
            return name, ast.unparse(annotation)
        case ast.arg(arg=name, annotation=annotation) if annotation is not None:
            return name, ast.unparse(annotation)
    return "", ""


def is_money(name: str) -> bool:
    """Whether a lower-case name speaks of an amount without saying that it is in minor units."""
    return (
        name.islower()
        and not name.endswith(NOT_AN_AMOUNT)
        and not MONEY_WORDS.isdisjoint(name.split("_"))
    )


def test_one_module_per_service_knows_each_dependency() -> None:
    importers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path, tree in MODULES.items():
        if in_package(path) in PACKAGES and not path.is_relative_to(ROOT / "hpts" / "local"):
            for module, _ in imports_of(tree):
                dependency = module.split(".")[0].removesuffix("_pool")
                if dependency in ONE_IMPORTER_EACH:
                    importers[in_package(path), dependency].add(at(path))
    faults = [
        f"{dependency} in {package}: {', '.join(sorted(paths))}"
        for (package, dependency), paths in importers.items()
        if len(paths) > 1
    ]
    assert not faults, "\n".join(faults)


def test_every_name_is_a_concept() -> None:
    faults = [
        at(path)
        for path in MODULES
        if any(
            NAMES_WITHOUT_A_CONCEPT.fullmatch(part)
            for part in path.relative_to(ROOT).with_suffix("").parts
        )
    ]
    assert not faults, "\n".join(faults)


def test_every_query_says_parameters_result_and_locks() -> None:
    faults = []
    for path in queries():
        header = header_of(path.read_text(encoding="utf-8"))
        faults += [
            f"{at(path)} does not say its {word}"
            for word in ("Parameters", "Result", "Locks")
            if f"{word.lower()}:" not in header.lower()
        ]
    assert not faults, "\n".join(faults)


def test_every_query_file_holds_one_statement() -> None:
    faults = []
    for path in queries():
        text = re.sub(r"(?s)--[^\n]*|'(?:[^']|'')*'|\$\$.*?\$\$", "", path.read_text("utf-8"))
        if ";" in text.strip().removesuffix(";"):
            faults.append(at(path))
    assert not faults, "\n".join(faults)


def test_every_migration_names_its_schema() -> None:
    faults = [
        at(path)
        for path in FILES
        if path.match("schemas/sql/*.sql")
        and not re.match(
            r"-- schema: (roles|hpts|hpts_edge)\n-- \w", path.read_text(encoding="utf-8")
        )
    ]
    assert not faults, "\n".join(faults)


def queries() -> list[Path]:
    """The named SQL of the services: every .sql file but the migrations."""
    return [p for p in FILES if p.suffix == ".sql" and not p.match("schemas/sql/*.sql")]


def header_of(sql: str) -> str:
    """The comment lines before the statement."""
    return "\n".join(takewhile(lambda line: line.startswith("--"), sql.splitlines()))


def test_nothing_names_this_machine_or_a_registry() -> None:
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "repo.maven" + ".apache", "repo1" + ".maven")
    folders = {f"{ROOT}/", f"{Path.home()}/"} - {"//"}
    faults = []
    for path in FILES:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        faults += [f"{at(path)} names {word}" for word in (*hosts, *folders) if word in text]
    assert not faults, "\n".join(faults)


def test_no_merge_was_left_half_done() -> None:
    marker = re.compile(rb"^(?:<{7}|>{7}|[|]{7}) ", re.MULTILINE)
    assert [at(path) for path in FILES if marker.search(path.read_bytes())] == []


def test_the_glossary_says_each_word_once() -> None:
    words = re.findall(
        r"^\| \*\*(.+?)\*\* \|", (ROOT / "GLOSSARY.md").read_text("utf-8"), re.MULTILINE
    )
    assert [word for word in words if words.count(word) > 1] == []


def test_no_lock_has_an_address() -> None:
    addressed = [at(p) for p in FILES if p.suffix == ".lock" and "://" in p.read_text("utf-8")]
    full_of_them = [at(p) for p in FILES if p.name in ("uv.lock", "pylock.toml")]
    assert not addressed + full_of_them


def test_every_requirement_is_pinned_with_hashes() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
        faults = [line for line in text.splitlines() if "==" not in line or "--hash=" not in line]
        assert not faults, f"{name}: {faults}"
