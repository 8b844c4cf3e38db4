"""Which statements of a notebook one function needs: its definition, and, in turn, what that refers to.

Training, plotting and printing are left out because no exercise refers to them. A statement is kept if it binds a
needed name, or changes the object behind one (`CACHE["x"] = 1`, `torch.set_default_dtype(...)`), or calls a function that
sets one (`global`); star imports, and functions put into imported modules and classes, are kept.
"""

import ast
import builtins
import copy
import itertools
import re
import symtable
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

# `(?!\s)`: the leading space is taken as a whole, or a line of spaces would cost its length squared
MAGIC = re.compile(r"^(\s*)(?!\s)([%!?].*|[\w.]+\?{1,2}\s*|[\w.,\s]+=\s*[!%].*)$")
TIMED = re.compile(r"^(\s*)%time\s+(?=\S)")  # runs the rest of its line as it stands
TRANSPARENT_MAGICS = ("%%time", "%%capture", "%%timeit", "%%prun")
MOST_MAGICS = 50  # lines that are looked at one by one: each takes another look at the whole cell
IN_NOTEBOOKS = ("display", "get_ipython")  # as good as built in there
BUILTINS = {*dir(builtins), *IN_NOTEBOOKS}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp)
LAMBDA = "<lambda>"


@dataclass
class Statement:
    """One statement of a notebook, and what it has to do with names."""

    cell: int
    index: int
    node: ast.stmt
    binds: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    # the names whose objects this statement changes
    changes: set[str] = field(default_factory=set)
    # the names that calling what it defines binds or changes
    sets: set[str] = field(default_factory=set)
    # the names that it does nothing with but call them
    calls: set[str] = field(default_factory=set)
    # the function that it puts somewhere, as in `torch.Tensor.mean_of = mean_of`
    value: str = ""
    is_import: bool = False


class Nothing:
    """Stands for what a notebook has to show things with: whatever is asked of it, it does nothing."""

    def __call__(self, *args: object, **kwargs: object) -> "Nothing":
        return self

    def __getattr__(self, name: str) -> "Nothing":
        return self


def parse(source: str) -> list[ast.stmt]:
    """The cell's statements; IPython's magics and shell lines are blanked where Python stops at them.

    Its lines end with "\\n", as `reader.source` gives them: `str.splitlines` counts lines that Python does not.
    """
    lines = source.split("\n")
    first = next((line for line in lines if line.strip()), "")
    for _ in range(MOST_MAGICS):
        try:
            return list(_one_import_each(ast.parse("\n".join(lines)).body))
        except SyntaxError as error:
            if first.startswith("%%") and not first.startswith(TRANSPARENT_MAGICS):
                return []
            if not _blank(lines, (error.lineno or 0) - 1):
                raise
    plain = [MAGIC.sub(r"\1pass", line) for line in lines]
    return list(_one_import_each(ast.parse("\n".join(plain)).body))


def _blank(lines: list[str], number: int) -> bool:
    """Make Python of the magic in this line, and of the lines it goes on in; False if there is none."""
    if not 0 <= number < len(lines):
        return False
    line = lines[number]
    lines[number : number + 1] = [TIMED.sub(r"\1", line)]
    if lines[number] != line:
        return True
    if not MAGIC.match(line):
        return False
    lines[number] = MAGIC.sub(r"\1pass", line)
    while line.endswith("\\") and number + 1 < len(lines):
        number, line = number + 1, lines[number + 1]
        lines[number] = ""
    return True


def _one_import_each(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """`import a, b` as two statements: that there is no `a` here does not take `b` away."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (ast.copy_location(ast.Import([name]), node) for name in node.names)
        else:
            yield node


class _OwnScopes(ast.NodeTransformer):
    """Comprehensions as generators: since Python 3.12 a symbol table takes the others' variables for its own."""

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp) -> ast.AST:
        self.generic_visit(node)
        return ast.GeneratorExp(node.elt, node.generators)

    visit_SetComp = visit_ListComp

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        self.generic_visit(node)
        return ast.GeneratorExp(ast.Tuple([node.key, node.value], ast.Load()), node.generators)


def _scoped(node: ast.stmt) -> ast.AST:
    """The statement, its comprehensions as generators; a copy only where it has some, for that takes half the time of all here."""
    has_some = any(isinstance(part, COMPREHENSIONS) for part in ast.walk(node))
    return _OwnScopes().visit(copy.deepcopy(node)) if has_some else node


def describe(cell: int, index: int, node: ast.stmt) -> Statement:
    """What statement `index` of this cell has to do with names."""
    top = symtable.symtable(ast.unparse(_scoped(node)), "cell", "exec")
    statement = Statement(
        cell, index, node, is_import=isinstance(node, (ast.Import, ast.ImportFrom))
    )
    inside: set[str] = set()
    for symbol in top.get_symbols():
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
            statement.binds.add(symbol.get_name())
        if symbol.is_referenced():
            statement.uses.add(symbol.get_name())
    for inner in _tables(top):
        outer = [s for s in inner.get_symbols() if s.is_global()]
        inside |= {s.get_name() for s in outer}
        # `:=` in a comprehension binds outside it, at once
        bound = statement.binds if inner.get_name() == "genexpr" else statement.sets
        bound |= {s.get_name() for s in outer if s.is_assigned()}
    statement.uses |= inside
    if isinstance(node, ast.ImportFrom) and (
        node.names[0].name == "*" or node.module == "__future__"
    ):
        statement.binds.add("*")
    statement.changes = {*_names(_changed_name, _at_once(node)), *_decorators(node, ast.Attribute)}
    statement.calls = {*_names(_called_name, _at_once(node)), *_decorators(node, ast.Name)}
    bodies = [part for f in ast.walk(node) if isinstance(f, FUNCTIONS) for part in f.body]
    statement.sets |= inside.intersection(_names(_changed_name, *map(_at_once, bodies)))
    statement.value = _put_in_place(node)
    return statement


def _names(name_of: Callable[[ast.AST], str | None], *parts: Iterable[ast.AST]) -> Iterator[str]:
    return filter(None, map(name_of, itertools.chain(*parts)))


def _decorators(node: ast.AST, kind: type[ast.expr]) -> Iterator[str]:
    """The names behind decorators: of `@f` and `@f(x)`, where `kind` is Name, or of `@object.method`."""
    for decorator in getattr(node, "decorator_list", ()):
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(target, kind) and (name := _root(target)):
            yield name


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _tables(child)


def _at_once(node: ast.AST) -> Iterator[ast.AST]:
    """The statement and those inside it that run with it: in loops and branches, not in functions and classes."""
    yield node
    if not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
                yield from _at_once(child)


def _changed_name(node: ast.AST) -> str | None:
    target: ast.expr
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        target = node.value.func
        if _called_name(node) in ("setattr", "delattr") and node.value.args:
            target = ast.Attribute(node.value.args[0], "")
    elif isinstance(node, (ast.Assign, ast.Delete)):
        target = node.targets[0]
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        target = node.target
    else:
        return None
    return _root(target) if isinstance(target, (ast.Attribute, ast.Subscript)) else None


def _root(target: ast.AST) -> str | None:
    while isinstance(target, (ast.Attribute, ast.Subscript, ast.Call)):
        target = target.func if isinstance(target, ast.Call) else target.value
    return target.id if isinstance(target, ast.Name) else None


def _called_name(node: ast.AST) -> str | None:
    value = node.value if isinstance(node, (ast.Expr, ast.Assign)) else None
    called = isinstance(value, ast.Call) and value.func
    return called.id if isinstance(called, ast.Name) else None


def _put_in_place(node: ast.stmt) -> str:
    """The name of the function that `torch.Tensor.mean_of = mean_of` or `setattr(torch.Tensor, "mean_of", mean_of)` puts there."""
    value = node.value if isinstance(node, ast.Assign) else None
    call = node.value if isinstance(node, ast.Expr) else None
    if isinstance(call, ast.Call) and _called_name(node) == "setattr" and len(call.args) == 3:
        value = call.args[2]
    return LAMBDA if isinstance(value, ast.Lambda) else getattr(value, "id", "")


def needed_statements(statements: list[Statement], stem: str) -> list[Statement]:
    """The statements, in their order, that the function `stem` needs.

    Each name is followed once, when it turns out to be needed: the time is linear in the size of the notebook.
    """
    imported = {name for s in statements if s.is_import for name in s.binds}
    functions = {LAMBDA, *(s.node.name for s in statements if isinstance(s.node, FUNCTIONS))}
    binding, changing, using, calling = (
        _numbers(statements, kind) for kind in ("binds", "changes", "uses", "calls")
    )
    setting: defaultdict[str, set[str]] = defaultdict(set)  # name → the functions that set it
    for function, sets in {name: s.sets for s in statements for name in s.binds - {stem}}.items():
        for name in sets:
            setting[name].add(function)
    # `torch.save(model)` must not pull the training in: a change to a module, or a call, never makes more names needed
    lacking = [s.uses - BUILTINS for s in statements]
    # to define a function does no harm
    lacking_more = [
        set() if isinstance(s.node, FUNCTIONS) else uses - s.calls
        for uses, s in zip(lacking, statements, strict=True)
    ]
    changes_module: set[int] = set()
    calls_setter: set[int] = set()
    chosen = {n for n, s in enumerate(statements) if s.value in functions and s.changes & imported}
    needed: set[str] = set()
    kept: set[int] = set()
    names = [stem, "*"]
    while names or chosen:
        for number in chosen - kept:
            kept.add(number)
            names += statements[number].uses
        chosen = set()
        if not names or (name := names.pop()) in needed:
            continue
        needed.add(name)
        (changes_module if name in imported else chosen).update(changing[name])
        setters = setting[name] if name not in imported else ()
        callers = {n for function in setters for n in calling.pop(function, ())}
        calls_setter |= callers
        for number in using[name]:
            lacking[number].discard(name)
            lacking_more[number].discard(name)
        chosen |= binding[name]
        chosen |= {
            n for n in changing[name] | using[name] if n in changes_module and not lacking[n]
        }
        chosen |= {n for n in callers | using[name] if n in calls_setter and not lacking_more[n]}
    return [statements[number] for number in sorted(kept)]


def _numbers(statements: list[Statement], kind: str) -> defaultdict[str, set[int]]:
    """Name → the numbers of the statements that have it in their field `kind`."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    for number, statement in enumerate(statements):
        for name in getattr(statement, kind):
            found[name].add(number)
    return found
