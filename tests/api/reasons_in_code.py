"""Finds in the source every reason that the service can give, as sentences with `X1` where a value stands.

A reason is what is handed to one of the `DOORS`. It is followed through names, choices, module constants and the
functions that make it; where it comes from a caught exception, that one's own door has told it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[2]
VALUE = "X1"
"""Stands for a number, a name, or the words of somebody else."""
DOORS: Mapping[str, int] = {
    **dict.fromkeys(("PayloadError", "NoNumberError", "refuse", "unreadable", "Unwalked"), 0),
    **dict.fromkeys(("RetryableError", "NoSpaceError", "SpoolFullError", "RejectedError", "RefusalError"), 0),
    **dict.fromkeys(("_LostError", "_tell"), 0),
    **dict.fromkeys(("Refused", "setdefault", "note", "degrade", "_wrong"), 1),
    "Problem": 3,
    "leave_out": 4,
}
"""What takes reasons, and the place of the reason among its arguments."""
OF_INPUT = ("mapping.py", "sqlitefile.py", "model_store.py", "artefact.py", "database_admin.py")
"""Files whose `InputError` a page shows; others are for who writes a file or starts a command."""
HEADS = {"_wrong": f"mapping: mapping 1: {VALUE} "}
"""What a door puts before the reason."""
OWNERS = {"note": "health", "degrade": "health", "setdefault": "refused"}
"""Of doors that have many namesakes: what the name of their owner ends with."""
MAKERS = ("name_problem", "unit_problem", "stamp_problem", "_with_unit", "_resolve", "_rebase", "_not_understood",
          "_problem", "problem", "not_used")  # fmt: skip
"""What returns reasons that go on in some other way."""
_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """A file, its functions and its constants."""

    path: Path
    tree: ast.Module
    functions: Mapping[str, _Function]
    constants: Mapping[str, ast.expr]


@dataclass(frozen=True, slots=True)
class Said:
    """A reason, and where it stands."""

    where: str
    text: str


def parsed(path: Path) -> Module:
    """Read a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, _Function)}
    constants = {
        name: node.value for node in tree.body if isinstance(node, ast.Assign) for name in _names(node.targets)
    }
    return Module(path, tree, functions, constants)


def reasons(paths: Sequence[Path]) -> list[Said]:
    """All reasons that are given in these files."""
    modules = [parsed(path) for path in paths]
    return [said for module in modules for said in _Reader(module, modules).read()]


class _Reader:
    """Reads one module, looking functions up in the others."""

    def __init__(self, module: Module, others: Sequence[Module]) -> None:
        self._module, self._others = module, others

    def read(self) -> Iterator[Said]:
        """Its reasons."""
        functions = [node for node in ast.walk(self._module.tree) if isinstance(node, _Function)]
        inner = {id(node) for one in functions for node in ast.walk(one) if node is not one}
        for function in functions:
            for node in ast.walk(function) if id(function) not in inner else ():
                if isinstance(node, ast.Call) and (given := self._given(node)) is not None:
                    yield from self._told(given, function, HEADS.get(_called_name(node), ""))
                if isinstance(node, ast.Return) and function.name in MAKERS and node.value is not None:
                    yield from (said for said in self._told(node.value, function, "") if said.text != VALUE)

    def _told(self, node: ast.expr, function: _Function, head: str) -> Iterator[Said]:
        where = f"{self._module.path.relative_to(ROOT)}:{node.lineno}"
        for text in self.texts(node, function, ()):
            if text:
                yield Said(where, head + text)

    def _given(self, call: ast.Call) -> ast.expr | None:
        """The reason that is handed to a door; None if this is none."""
        name = _called_name(call)
        place = 0 if name == "InputError" and self._module.path.name in OF_INPUT else DOORS.get(name)
        if place is None or len(call.args) <= place:
            return None
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if name in OWNERS and (owner is None or not ast.unparse(owner).endswith(OWNERS[name])):
            return None
        return call.args[place]

    def texts(self, node: ast.expr, function: _Function, seen: tuple[str, ...]) -> list[str]:
        """What an expression can say; nothing if that is said elsewhere, `VALUE` if it is not known."""
        choices = _choices(node)
        if choices is not None:
            return [text for choice in choices for text in self.texts(choice, function, seen)]
        match node:
            case ast.Constant(value=str() as text):
                return [text]
            case ast.JoinedStr(values=parts):
                return _joined([self._part(part, function, seen) for part in parts])
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return _joined([self.texts(end, function, seen) for end in (left, right)])
            case ast.Name(id=name):
                return self._named(name, function, seen)
            case ast.Call():
                return self._called(node, function, seen)
        return [VALUE]

    def _part(self, part: ast.expr, function: _Function, seen: tuple[str, ...]) -> list[str]:
        """A piece of an f-string."""
        if not isinstance(part, ast.FormattedValue):
            return self.texts(part, function, seen)
        if part.conversion != -1 or part.format_spec is not None:
            return [f"'{VALUE}'" if part.conversion != -1 else VALUE]
        return self.texts(part.value, function, seen) or [VALUE]

    def _named(self, name: str, function: _Function, seen: tuple[str, ...]) -> list[str]:
        if name in seen:
            return []
        given = list(_assigned(name, function))
        if given:
            return [text for node in given for text in self.texts(node, function, (*seen, name))]
        if name in self._module.constants:
            return self.texts(self._module.constants[name], function, (*seen, name))
        for other in self._others:
            if name.isupper() and name in other.constants:
                return self.texts(other.constants[name], function, (*seen, name))
        return [] if name in set(_handed_in(function)) else [VALUE]

    def _called(self, node: ast.Call, function: _Function, seen: tuple[str, ...]) -> list[str]:
        name = _called_name(node)
        if name == "str":
            return []
        if name == "join" and len(node.args) == 1 and isinstance(node.args[0], ast.Name):
            return self.texts(node.args[0], function, seen)
        for module in (self._module, *self._others):
            found = module.functions.get(name)
            if found is not None and found.returns is not None and "str" in ast.unparse(found.returns):
                if name in seen:
                    return []
                inside = _Reader(module, self._others)
                returned = [one.value for one in ast.walk(found) if isinstance(one, ast.Return) and one.value]
                return [text for one in returned for text in inside.texts(one, found, (*seen, name))]
        return [VALUE]


def _choices(node: ast.expr) -> Sequence[ast.expr] | None:
    """The expressions of which one is what is said; none of them where that is said elsewhere."""
    match node:
        case ast.IfExp(body=one, orelse=other):
            return [one, other]
        case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Subscript(value=ast.Dict(values=parts)):
            return parts
        case ast.BinOp(left=ast.BinOp() | ast.List() as left, op=ast.Add(), right=right):
            return [left, right]
        case ast.BinOp(left=one, op=ast.Mult()) | ast.Subscript(value=one, slice=ast.Slice()):
            return [one]
        case ast.Constant(value=None) | ast.Attribute(attr="reason" | "__name__"):
            return []
    return None


def _called_name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _assigned(name: str, function: _Function) -> Iterator[ast.expr]:
    """What a name stands for in a function, or what is appended to it."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=targets, value=value) if name in _names(targets):
                yield value
            case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value) if found == name:
                yield value
            case ast.AugAssign(target=ast.Name(id=found), value=value) if found == name:
                yield value
            case ast.NamedExpr(target=ast.Name(id=found), value=value) if found == name:
                yield value
            case ast.Call(func=ast.Attribute(value=ast.Name(id=found), attr="append"), args=[value]) if found == name:
                yield value


def _handed_in(function: _Function) -> Iterator[str]:
    """Names of what others made: arguments, and what is taken apart from something whole."""
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            yield node.arg
        if isinstance(node, ast.Tuple):
            yield from _names(node.elts)


def _names(targets: Sequence[ast.expr]) -> list[str]:
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _joined(parts: Sequence[Sequence[str]]) -> list[str]:
    """Every way to put one of each together."""
    return ["".join(chosen) for chosen in product(*parts)]
