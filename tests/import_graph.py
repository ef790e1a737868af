"""Who imports whom, by the text of the modules: also inside functions, and by relative names."""

import ast
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """An import of `target` by `module`; `kind` is top, lazy (in a function) or typing."""

    module: str
    target: str
    kind: str


def find_modules(source):
    """Path of each module below a folder, by its dotted name."""
    found = {}
    for path in sorted(Path(source).rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def find_imports(source):
    """All imports of the modules below a folder; those of names are imports of their module."""
    modules = find_modules(source)
    return {
        Import(module, target, kind)
        for module, path in modules.items()
        for kind, node in _import_nodes(ast.parse(path.read_text()), "top")
        for target in _targets(node, module, path, modules)
    }


def _import_nodes(node, kind):
    for child in ast.iter_child_nodes(node):
        inner = kind
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            inner = "lazy"
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            inner = "typing"
        called = ast.dump(child.func) if isinstance(child, ast.Call) else ""
        if isinstance(child, ast.Import | ast.ImportFrom) or "import_module" in called:
            yield inner, child
        yield from _import_nodes(child, inner)


def _targets(node, module, path, modules):
    if isinstance(node, ast.Call):
        return [a.value for a in node.args if isinstance(getattr(a, "value", None), str)]
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
        above = package[: len(package) - node.level + 1]
        base = ".".join([*above, *filter(None, [base])])
    names = [f"{base}.{alias.name}" for alias in node.names]
    return {name if name in modules else base for name in names}


def is_in(name, part):
    """Whether a dotted name is a package or module, or within it."""
    return name == part or name.startswith(f"{part}.")


def find_circle(imports):
    """Modules that import each other in a circle when they are loaded, or an empty list."""
    graph = {}
    for found in imports:
        if found.kind == "top":
            graph.setdefault(found.module, set()).add(found.target)
    done = set()

    def visit(module, path):
        if module in path:
            return path[path.index(module) :]
        if module not in done:
            for target in sorted(graph.get(module, ())):
                if circle := visit(target, [*path, module]):
                    return circle
            done.add(module)
        return []

    return next((circle for module in sorted(graph) if (circle := visit(module, []))), [])


def loaded_with(module, imports):
    """All that is loaded with a module, at any depth: itself, its packages, what these import."""
    found, pending = set(), [module]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += [i.target for i in imports if i.kind == "top" and i.module == name]
            pending += [name.rpartition(".")[0]] if "." in name else []
    return found
