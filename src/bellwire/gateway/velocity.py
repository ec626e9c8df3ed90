"""The Velocity Template Language, in which mapping templates are written.

`airspeed` only parses. What it parsed becomes functions here, so a template reaches what it is
given by name and nothing of Python, and what it may cost is bounded. Where Velocity and API
Gateway differ, this is API Gateway: a reference that leads nowhere is an empty text, which counts
as true in `#if`, as everything does but `false`.
velocity.apache.org/engine/1.7/user-guide.html
docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from bellwire.errors import DefinitionError, Place, UnsupportedFeatureError
from bellwire.gateway import velocity_values as values
from bellwire.gateway.velocity_values import TemplateError, as_text, call, index, member, size_of
from bellwire.limits import TEMPLATE_STEPS, TEMPLATE_TEXT


_Node: TypeAlias = Any  # an element of airspeed's tree, which has no types


_DIRECTIVE = re.compile(r"(if|set|foreach|macro|define|include|parse|evaluate|return)\b")
_HINT = "velocity.apache.org/engine/1.7/user-guide.html says how a template is written"
_SIZE_OF_A_STEP = 1000  # characters or items that are looked through in about a step's time


class Run:
    """One rendering: the names it knows, what it wrote, and what it has spent."""

    __slots__ = ("_steps", "_text", "names", "out")

    def __init__(self, names: dict[str, object]) -> None:
        self.names = names
        self.out: list[str] = []
        self._steps = 0
        self._text = 0

    def step(self, count: int = 1) -> None:
        """Count work done; raises TemplateError where it is more than a template may do."""
        self._steps += count
        if self._steps > TEMPLATE_STEPS:
            raise TemplateError(f"it takes more than {TEMPLATE_STEPS} steps")

    def charge(self, text: str) -> None:
        """Count text built; raises TemplateError where it is more than a template may build."""
        self._text += len(text)
        if self._text > TEMPLATE_TEXT:
            raise TemplateError(f"it builds more than {TEMPLATE_TEXT} characters")

    def write(self, text: str) -> None:
        """Write to the output."""
        self.charge(text)
        self.out.append(text)

    def capture(self, body: Statement) -> str:
        """Return what `body` writes."""
        outer, self.out = self.out, []
        try:
            body(self)
            return "".join(self.out)
        finally:
            self.out = outer


Statement = Callable[[Run], None]
Expression = Callable[[Run], object]
Access = Callable[[Run, object], object]
Program = Callable[[Mapping[str, object]], str]
"""Takes what the template's references may name, returns its text. Raises TemplateError."""


class _Deferred(NamedTuple):
    """The value of `#define`: text that is made where it is used."""

    body: Statement


class _Macro(NamedTuple):
    parameters: Sequence[str]
    body: Statement


class _Break(Exception):
    """`#break` left a loop."""


class _Stop(Exception):
    """`#stop` ended the template."""


def compile_velocity(text: str, place: Place | None = None) -> Program:
    """Compile a template.

    Raises DefinitionError where it does not parse, and UnsupportedFeatureError for a directive
    that API Gateway has no use for, or where the library that parses it is not installed.
    """
    compiler = _Compiler(place)
    body = compiler.block(_parse(text, place).block)

    def program(names: Mapping[str, object]) -> str:
        run = Run(dict(names))
        try:
            body(run)
        except (_Stop, _Break):
            pass
        except RecursionError:
            raise TemplateError("it is nested too deeply, or calls itself without end") from None
        except (ArithmeticError, ValueError) as error:
            raise TemplateError(str(error)) from None
        return "".join(run.out)

    return program


def _parse(text: str, place: Place | None) -> _Node:
    try:
        from airspeed.operators import NoMatch, TemplateBody, TemplateSyntaxError
    except ImportError:
        raise UnsupportedFeatureError(
            "mapping templates need a library that is not installed",
            place=place,
            hint="pip install 'bellwire[integrations]'",
        ) from None
    try:
        return TemplateBody("template", text)
    except TemplateSyntaxError as error:
        message = f"line {error.line} of the template: {error.element_name()} is not complete"
    except RecursionError:
        message = "the template is nested too deeply"
    except (NoMatch, KeyError, ValueError):
        message = "the template cannot be read"
    raise DefinitionError(message, place=place, hint=_HINT)


class _Compiler:
    """Turns airspeed's tree into functions; knows the macros of one template."""

    def __init__(self, place: Place | None) -> None:
        self._place = place
        self._macros: dict[str, _Macro] = {}

    # Statements

    def block(self, node: _Node) -> Statement:
        statements: list[Statement] = []
        skip = ""
        for child in node.children:
            kind = type(child).__name__
            rest = child.full_text()[child.end :]
            if kind == "FallthroughHashText" and re.match(r"break\b", rest):
                statements.append(_break)
                skip = "break"
                continue
            if kind == "FallthroughHashText" and (word := _DIRECTIVE.match(rest)):
                # airspeed takes a directive that it cannot read for text.
                raise self._wrong(child, f"#{word[0]} is not complete", _HINT)
            statements.append(self._statement(kind, child, skip))
            skip = ""
        if len(statements) == 1:
            return statements[0]

        def run_block(run: Run) -> None:
            for statement in statements:
                statement(run)

        return run_block

    def _statement(self, kind: str, node: _Node, skip: str) -> Statement:
        match kind:
            case "Text" | "FallthroughHashText":
                return _text(node.text.removeprefix(skip))
            case "FormalReference":
                return self._written(node)
            case "Comment":
                return _nothing
            case "IfDirective":
                return self._if(node)
            case "SetDirective":
                return self._set(node.assignment)
            case "ForeachDirective":
                return self._foreach(node)
            case "MacroDefinition":
                name = node.function_name.lower()
                self._macros[name] = _Macro(node.arg_names, self.block(node.block))
                return _nothing
            case "MacroCall":
                return self._macro_call(node)
            case "DefineDefinition":
                return _define(node.function_name, self.block(node.block))
            case "StopDirective":
                return _stop
        raise self._unsupported(node)

    def _written(self, node: _Node) -> Statement:
        if node.expression is None:
            return _text(node.my_text())
        read = self._reference(node)

        def write(run: Run) -> None:
            run.step()
            run.write(as_text(read(run)))

        return write

    def _if(self, node: _Node) -> Statement:
        branches = [(self._condition(node.condition), self.block(node.block))]
        branches += [
            (self._condition(each.condition), self.block(each.block)) for each in node.elseifs
        ]
        block = getattr(node.else_block, "block", None)
        otherwise = _nothing if block is None else self.block(block)

        def choose(run: Run) -> None:
            run.step()
            for condition, body in branches:
                if condition(run) is not False:
                    return body(run)
            return otherwise(run)

        return choose

    def _condition(self, node: _Node) -> Expression:
        return self._expression(node.expression)

    def _set(self, node: _Node) -> Statement:
        root, value = node.root_term, self._expression(node.value)
        terms = [self._term(each.term) for each in node.terms]

        def assign(run: Run) -> None:
            run.step()
            if not terms:
                run.names[root] = value(run)
                return
            *way, last = terms
            target = run.names.get(root)
            for term in way:
                target = index(target, term(run))
            values.assign(target, last(run), value(run))

        return assign

    def _term(self, node: _Node) -> Expression:
        if type(node).__name__ == "DotDictAccessTerm":
            return _constant(node.value)
        return self._expression(node.value)

    def _foreach(self, node: _Node) -> Statement:
        name, items, body = node.loop_var_name, self._expression(node.value), self.block(node.block)
        hidden = (name, "foreach", "velocityCount", "velocityHasNext")

        def loop(run: Run) -> None:
            outer = {each: run.names[each] for each in hidden if each in run.names}
            found = _items(items(run))
            for position, item in enumerate(found):
                run.step()
                run.names.update(_loop_names(position, len(found), outer.get("foreach")))
                run.names[name] = item
                try:
                    body(run)
                except _Break:
                    break
            _restore(run.names, hidden, outer)

        return loop

    def _macro_call(self, node: _Node) -> Statement:
        arguments = [self._expression(each) for each in node.args]
        # What is called like no macro is text, as a colour of a style sheet is.
        macros, name, text = self._macros, node.macro_name, node.my_text()

        def run_macro(run: Run) -> None:
            run.step()
            macro = macros.get(name)
            if macro is None:
                return run.write(text)
            given = [argument(run) for argument in arguments]
            given += [None] * (len(macro.parameters) - len(given))
            outer = {each: run.names[each] for each in macro.parameters if each in run.names}
            run.names.update(zip(macro.parameters, given, strict=False))
            try:
                return macro.body(run)
            finally:
                _restore(run.names, macro.parameters, outer)

        return run_macro

    # Expressions

    def _expression(self, node: _Node) -> Expression:
        kind = type(node).__name__
        match kind:
            case "Value":
                return self._expression(node.expression)
            case "NullLiteral" | "IntegerLiteral" | "FloatingPointLiteral" | "BooleanLiteral":
                return _constant(node.value)
            case "StringLiteral":
                return _constant(node.value)
            case "InterpolatedStringLiteral":
                return self._interpolated(node)
            case "FormalReference":
                return self._reference(node)
            case "ArrayLiteral":
                return self._list(node.values)
            case "DictionaryLiteral":
                return self._map(node.local_data)
            case "ParenthesizedExpression":
                # airspeed keeps of what stands in parentheses only how to calculate it.
                return self._expression(node.calculate.__self__)
            case "UnaryOperatorValue":
                inner = self._expression(node.value)
                return lambda run: inner(run) is False
            case "Expression":
                return self._operations(node.expression)
        raise self._unsupported(node)

    def _interpolated(self, node: _Node) -> Expression:
        if node.block.end != len(node.value):
            raise self._wrong(
                node,
                "a text in double quotes cannot be read",
                "a text in single quotes is taken as it is",
            )
        body = self.block(node.block)
        return lambda run: run.capture(body)

    def _list(self, node: _Node) -> Expression:
        if type(node).__name__ == "Range":
            return self._range(self._expression(node.value1), self._expression(node.value2))
        items = [self._expression(each) for each in getattr(node, "values", ())]

        def make(run: Run) -> object:
            run.step(len(items))
            return values.ArrayList(item(run) for item in items)

        return make

    def _range(self, first: Expression, last: Expression) -> Expression:
        def make(run: Run) -> object:
            start, end = first(run), last(run)
            if not isinstance(start, int) or not isinstance(end, int):
                return None
            numbers = range(start, end + 1) if start <= end else range(start, end - 1, -1)
            run.step(abs(end - start) + 1)
            return values.ArrayList(numbers)

        return make

    def _map(self, data: Mapping[_Node, _Node]) -> Expression:
        items = [(self._expression(key), self._expression(value)) for key, value in data.items()]

        def make(run: Run) -> object:
            run.step(len(items))
            return {as_text(key(run)): value(run) for key, value in items}

        return make

    def _operations(self, nodes: Sequence[_Node]) -> Expression:
        """Combine `a + b * c`, the operator that binds most loosely last."""
        if len(nodes) == 1:
            return self._expression(nodes[0])
        signs = [_sign(node) for node in nodes[1::2]]
        loosest = max(values.LOOSENESS[sign] for sign in signs)
        last = max(at for at, sign in enumerate(signs) if values.LOOSENESS[sign] == loosest)
        at = 2 * last + 1
        left, right = self._operations(nodes[:at]), self._operations(nodes[at + 1 :])
        if signs[last] in ("&&", "and"):
            return lambda run: left(run) is not False and right(run) is not False
        if signs[last] in ("||", "or"):
            return lambda run: left(run) is not False or right(run) is not False
        operate = values.OPERATORS[signs[last]]

        def combine(run: Run) -> object:
            run.step()
            result = operate(left(run), right(run))
            if isinstance(result, str):
                run.charge(result)
            return result

        return combine

    # References

    def _reference(self, node: _Node) -> Expression:
        if node.expression is None:
            return _constant(node.my_text())
        root = node.expression.part
        if root.parameters is not None:
            raise self._wrong(
                node,
                f"'${root.name}(' calls nothing",
                f"write ${{{root.name}}}( where text follows",
            )
        accesses = list(self._accesses(node.expression))[1:]
        read = _follow(root.name, accesses)
        if node.alternate is None:
            return read
        alternate = self._expression(node.alternate.expression)

        def read_or_alternate(run: Run) -> object:
            value = read(run)
            return alternate(run) if value is None else value

        return read_or_alternate

    def _accesses(self, node: _Node) -> Iterator[Access]:
        part = node.part
        if part.parameters is None:
            yield _member(part.name)
        else:
            yield self._call(part.name, part.parameters.values)
        if part.index is not None:
            yield self._index(part.index)
        if node.subexpression is not None:
            yield from self._sub_accesses(node.subexpression)

    def _sub_accesses(self, node: _Node) -> Iterator[Access]:
        if type(node.expression).__name__ == "ArrayIndex":
            yield self._index(node.expression)
            if node.subexpression is not None:
                yield from self._sub_accesses(node.subexpression)
        else:
            yield from self._accesses(node.expression)

    def _call(self, name: str, parameters: _Node) -> Access:
        arguments = [self._expression(each) for each in getattr(parameters, "values", ())]

        def access(run: Run, value: object) -> object:
            given = [argument(run) for argument in arguments]
            run.step(1 + sum(map(size_of, (value, *given))) // _SIZE_OF_A_STEP)
            result = call(value, name, given)
            if isinstance(result, str):
                run.charge(result)
            return result

        return access

    def _index(self, node: _Node) -> Access:
        key = self._expression(node.index)
        return lambda run, value: index(value, key(run))

    # Errors

    def _unsupported(self, node: _Node) -> DefinitionError:
        word = re.match(r"#?\w*", node.my_text())
        return UnsupportedFeatureError(
            f"{_line(node)}{word[0] if word else ''} is no directive of a mapping template",
            place=self._place,
            hint="#set, #if, #foreach, #macro, #define, #break and #stop work",
        )

    def _wrong(self, node: _Node, message: str, hint: str) -> DefinitionError:
        return DefinitionError(f"{_line(node)}{message}", place=self._place, hint=hint)


def _line(node: _Node) -> str:
    return f"line {1 + node.full_text().count(chr(10), 0, node.start)} of the template: "


def _sign(node: _Node) -> str:
    sign: str = node.my_text().strip()
    return sign


def _text(text: str) -> Statement:
    return lambda run: run.write(text)


def _constant(value: object) -> Expression:
    return lambda run: value


def _nothing(run: Run) -> None:
    """Do nothing: a comment, a macro's definition, an `#else` that is not there."""


def _break(run: Run) -> None:
    raise _Break


def _stop(run: Run) -> None:
    raise _Stop


def _define(name: str, body: Statement) -> Statement:
    def define(run: Run) -> None:
        run.names[name] = _Deferred(body)

    return define


def _member(name: str) -> Access:
    return lambda run, value: member(value, name)


def _follow(name: str, accesses: Iterable[Access]) -> Expression:
    def read(run: Run) -> object:
        value = run.names.get(name)
        if isinstance(value, _Deferred):
            run.step()
            value = run.capture(value.body)
        for access in accesses:
            value = access(run, value)
        return value

    return read


def _items(value: object) -> Sequence[object]:
    if isinstance(value, list):
        return tuple(value)
    return tuple(value.values()) if isinstance(value, Mapping) else ()


def _loop_names(position: int, length: int, parent: object) -> dict[str, object]:
    has_next = position + 1 < length
    loop = {
        "count": position + 1,
        "index": position,
        "hasNext": has_next,
        "first": position == 0,
        "last": not has_next,
        "parent": parent,
    }
    return {"foreach": loop, "velocityCount": position + 1, "velocityHasNext": has_next}


def _restore(names: dict[str, object], hidden: Iterable[str], outer: Mapping[str, object]) -> None:
    for name in hidden:
        names.pop(name, None)
    names.update(outer)
