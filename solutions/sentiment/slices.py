"""Which statements of a notebook one function needs: its definition, and, in turn, what that refers to.

Training, plotting and printing are left out because no exercise refers to them. A statement is kept if it binds a
needed name, or changes the object behind one (`CACHE["x"] = 1`, `torch.set_default_dtype(...)`), or calls a function that
sets one (`global`); star imports, and functions put into imported modules and classes, are kept.
"""

import ast
import builtins
import copy
import re
import symtable
from dataclasses import dataclass, field

# `(?!\s)`: the leading space is taken as a whole, or a line of spaces would cost its length squared
MAGIC = re.compile(r"^(\s*)(?!\s)([%!?].*|[\w.]+\?{1,2}\s*|[\w.,\s]+=\s*[!%].*)$")
TRANSPARENT_MAGICS = ("%%time", "%%capture", "%%timeit")


@dataclass
class Statement:
    cell: int
    index: int
    node: ast.stmt
    binds: set = field(default_factory=set)
    uses: set = field(default_factory=set)
    changes: set = field(default_factory=set)  # the names whose objects this statement changes
    sets: set = field(default_factory=set)  # the names that calling what it defines binds
    calls: set = field(default_factory=set)  # the names that it does nothing with but call them
    value: str = ""  # the name that it assigns, as in `torch.Tensor.mean_of = mean_of`
    is_import: bool = False


def parse(source):
    """The cell's statements; IPython's line magics and shell lines are blanked only if the cell needs it."""
    try:
        return ast.parse(source).body
    except SyntaxError:
        lines = source.split("\n")
        first = next((line for line in lines if line.strip()), "")
        if first.startswith("%%") and not first.startswith(TRANSPARENT_MAGICS):
            return []
        plain = [MAGIC.sub(r"\1pass", line) for line in lines]
        return ast.parse("\n".join(plain)).body


class _OwnScopes(ast.NodeTransformer):
    """Comprehensions as generators: since Python 3.12 a symbol table takes the others' variables for its own."""

    def visit_ListComp(self, node):
        self.generic_visit(node)
        return ast.GeneratorExp(node.elt, node.generators)

    visit_SetComp = visit_ListComp

    def visit_DictComp(self, node):
        self.generic_visit(node)
        return ast.GeneratorExp(ast.Tuple([node.key, node.value], ast.Load()), node.generators)


def describe(cell, index, node):
    scoped = _OwnScopes().visit(copy.deepcopy(node))
    top = symtable.symtable(ast.unparse(scoped), "cell", "exec")
    statement = Statement(
        cell, index, node, is_import=isinstance(node, (ast.Import, ast.ImportFrom))
    )
    for symbol in top.get_symbols():
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
            statement.binds.add(symbol.get_name())
        if symbol.is_referenced():
            statement.uses.add(symbol.get_name())
    for inner in _tables(top):
        outer = [s for s in inner.get_symbols() if s.is_global()]
        statement.uses |= {s.get_name() for s in outer}
        # `:=` in a comprehension binds outside it, at once
        bound = statement.binds if inner.get_name() == "genexpr" else statement.sets
        bound |= {s.get_name() for s in outer if s.is_assigned()}
    if isinstance(node, ast.ImportFrom) and (
        node.names[0].name == "*" or node.module == "__future__"
    ):
        statement.binds.add("*")
    statement.changes = {name for part in _at_once(node) if (name := _changed_name(part))}
    statement.calls = {name for part in _at_once(node) if (name := _called_name(part))}
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
        statement.value = node.value.id
    return statement


def _tables(table):
    for child in table.get_children():
        yield child
        yield from _tables(child)


def _at_once(node):
    """The statement and those inside it that run with it: in loops and branches, not in functions and classes."""
    yield node
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                yield from _at_once(child)


def _changed_name(node):
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        target = node.value.func
        if _called_name(node) in ("setattr", "delattr") and node.value.args:
            target = ast.Attribute(node.value.args[0])
    elif isinstance(node, (ast.Assign, ast.Delete)):
        target = node.targets[0]
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        target = node.target
    else:
        return None
    if not isinstance(target, (ast.Attribute, ast.Subscript)):
        return None
    while isinstance(target, (ast.Attribute, ast.Subscript, ast.Call)):
        target = target.func if isinstance(target, ast.Call) else target.value
    return target.id if isinstance(target, ast.Name) else None


def _called_name(node):
    called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and node.value.func
    return called.id if isinstance(called, ast.Name) else None


def needed_statements(statements, stem):
    """The statements, in their order, that the function `stem` needs."""
    imported = {name for s in statements if s.is_import for name in s.binds}
    functions = {s.node.name for s in statements if isinstance(s.node, ast.FunctionDef)}
    setters = {name: s.sets for s in statements for name in s.binds - {stem}}
    needed, kept = {stem, "*"}, set()
    grown = True
    while grown:
        grown = False
        for number, statement in enumerate(statements):
            patches = statement.value in functions and statement.changes & imported
            if number not in kept and (patches or _is_needed(statement, needed, imported, setters)):
                kept.add(number)
                needed |= statement.uses
                grown = True
    return [statements[number] for number in sorted(kept)]


def _is_needed(statement, needed, imported, setters):
    if statement.binds & needed:
        return True
    changed = statement.changes & needed
    if changed - imported:
        return True
    # `torch.save(model)` must not pull the training in: a change to a module never makes more names needed
    unknown = statement.uses - needed - set(dir(builtins))
    if changed and not unknown:
        return True
    called = {name for function in statement.calls for name in setters.get(function, ())}
    return bool(called & needed) and unknown <= statement.calls
