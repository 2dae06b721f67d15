"""Every public module, class, function and method of the houses says what it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_floors import HOUSES, ROOT

FILES = [path for house in HOUSES for path in sorted((ROOT / house).rglob("*.py"))]
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def public(node: ast.AST, owner: str) -> Iterator[tuple[str, Definition]]:
    """Yield every public definition below ``node``; not those inside functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.If, ast.Try, ast.With)):
            yield from public(child, owner)
        if not isinstance(child, Definition) or child.name.startswith("_"):
            continue
        name = f"{owner}.{child.name}"
        yield name, child
        if isinstance(child, ast.ClassDef):
            yield from public(child, name)


def undocumented(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    owner = str(path.relative_to(ROOT).with_suffix("")).replace("/", ".")
    missing = [] if ast.get_docstring(tree) else [owner]
    for name, node in public(tree, owner):
        if not (ast.get_docstring(node) or "").strip() and not overrides(tree, node):
            missing.append(f"{name} (line {node.lineno})")
    return missing


def overrides(tree: ast.Module, node: Definition) -> bool:
    """Return whether a method redefines one that a base class or a protocol already documents.

    An override changes how, not what.
    """
    for parent in ast.walk(tree):
        if isinstance(parent, ast.ClassDef) and node in parent.body:
            return node.name in PROTOCOLS or (bool(parent.bases) and node.name in INHERITED)
    return False


def documented_methods(*, of_protocols: bool) -> set[str]:
    """Return names of methods that some class, or some protocol, of the houses documents."""
    names: set[str] = set()
    for path in FILES:
        for parent in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(parent, ast.ClassDef):
                protocol = any(isinstance(b, ast.Name) and b.id == "Protocol" for b in parent.bases)
                if protocol or not of_protocols:
                    names |= {
                        node.name
                        for node in parent.body
                        if isinstance(node, Definition) and ast.get_docstring(node)
                    }
    return names


# Methods that Amaranth, torch and autograd call and document.
FRAMEWORK = {"elaborate", "forward", "backward"}
INHERITED = documented_methods(of_protocols=False) | FRAMEWORK
PROTOCOLS = documented_methods(of_protocols=True)


def test_the_check_sees_what_is_missing(tmp_path, monkeypatch):
    text = '"""Doc."""\nclass A:\n    """Doc."""\n    def b(self): ...\n    def _c(self): ...\ndef d(): ...\n'
    (tmp_path / "x.py").write_text(text)
    monkeypatch.setattr("tests.test_docs.ROOT", tmp_path)
    assert undocumented(tmp_path / "x.py") == ["x.A.b (line 4)", "x.d (line 6)"]
    assert len(FILES) > 20


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_everything_public_has_a_docstring(path):
    assert undocumented(path) == []
