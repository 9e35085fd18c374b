"""Writes ``docs/reference/`` from the code, so that it cannot say anything else: ``make docs``.

Options come from their structs, commands from their parsers, nodes from ``ivr/nodes/`` and
the REST interface from its endpoints. ``tests/test_docs.py`` compares the pages with the code.
"""

import argparse
import ast
import inspect
import itertools
import os
import sys
import textwrap
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NewType, Union, get_args, get_origin

import msgspec

REFERENCE: Final = Path(__file__).parent / "reference"
GENERATED: Final = "<!-- Written by docs/generate.py; change the code and run: make docs -->"
ORDER: Final = ("sip", "voiceboard", "ctilink")
"""Drivers in the order of the configuration page; others follow by name."""

PLAIN: Final = {str: "text", int: "whole number", float: "number", bool: "true or false"}
WORDS: Final = {
    "NodeId": "name of a node",
    "Template": "text with variables",
    "Name": "name of a variable",
    "Condition": "condition",
    "Prompt": "prompt",
    "Phrases": "phrases",
}


class Page(msgspec.Struct):
    """Markdown under construction."""

    lines: list[str] = msgspec.field(default_factory=list)

    def add(self, *blocks: str) -> None:
        """Add paragraphs, each followed by an empty line."""
        for block in blocks:
            self.lines += [block, ""]

    def table(self, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
        """Add a table."""
        if not rows:
            return
        self.lines.append("| " + " | ".join(head) + " |")
        self.lines.append("|" + "---|" * len(head))
        self.lines += ["| " + " | ".join(cell(text) for text in row) + " |" for row in rows]
        self.lines.append("")

    def text(self) -> str:
        """The page."""
        return "\n".join(self.lines).rstrip() + "\n"


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return " ".join(text.replace("``", "`").split()).replace("|", "\\|")


def prose(text: str | None) -> str:
    """A docstring as a paragraph."""
    return " ".join(inspect.cleandoc(text or "").replace("``", "`").split())


# -- structs ------------------------------------------------------------------------------------


def field_texts(kind: type) -> dict[str, str]:
    """What stands as a text under each field of a class, its bases included."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__ in ("builtins", "msgspec"):
            continue
        try:
            body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        except (OSError, TypeError):
            continue
        statements = body.body if isinstance(body, ast.ClassDef) else []
        for field, text in itertools.pairwise(statements):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
                and isinstance(text.value.value, str)
            ):
                found[field.target.id] = prose(text.value.value)
    return found


def is_struct(kind: object) -> bool:
    """Whether a type is a struct."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def type_text(kind: Any) -> str:
    """A type in words."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return type_text(arguments[0]) + limits(arguments[1:])
    if isinstance(kind, NewType):
        return WORDS.get(kind.__name__, type_text(kind.__supertype__))
    if origin is Literal:
        return "one of " + ", ".join(f"`{msgspec.json.encode(a).decode()}`" for a in arguments)
    if origin in (Union, types.UnionType):
        texts = [type_text(a) for a in arguments if a is not types.NoneType]
        return " or ".join(texts) + (" or nothing" if types.NoneType in arguments else "")
    if origin in (list, tuple):
        return f"list of {type_text(arguments[0])}"
    if origin is dict:
        return f"table: {type_text(arguments[0])} → {type_text(arguments[1])}"
    if is_struct(kind):
        return WORDS.get(kind.__name__, f"[{kind.__name__}](#{kind.__name__.lower()})")
    if isinstance(kind, type) and hasattr(kind, "__members__"):
        return "one of " + ", ".join(f"`{member.value}`" for member in kind)  # type: ignore[attr-defined]
    return PLAIN.get(kind, getattr(kind, "__name__", str(kind)))


def limits(notes: tuple[Any, ...]) -> str:
    """What a type's notes allow."""
    texts = []
    for meta in notes:
        if not isinstance(meta, msgspec.Meta):
            continue
        if meta.ge is not None and meta.le is not None:
            texts.append(f"{meta.ge}" if meta.ge == meta.le else f"{meta.ge} to {meta.le}")
        elif meta.ge is not None:
            texts.append(f"at least {meta.ge}")
        elif meta.gt is not None:
            texts.append(f"more than {meta.gt}")
        if meta.description:
            texts.append(meta.description)
        elif meta.pattern:
            texts.append(f"as in `{meta.pattern}`")
    return "".join(f", {text}" for text in texts)


def default_text(field: msgspec.structs.FieldInfo) -> str:
    """The default of a field as it would be written; empty for a field that must be there."""
    value = field.default
    if field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    if value is msgspec.NODEFAULT:
        return "required"
    if isinstance(value, msgspec.Struct):
        return ""
    if value is None:
        return "left out"
    if isinstance(value, dict):
        pairs = ", ".join(f"{key} = {literal(item)}" for key, item in value.items())
        return f"`{{ {pairs} }}`" if pairs else "`{}`"
    return f"`{literal(value)}`"


def literal(value: object) -> str:
    """A value as TOML and YAML write it."""
    if isinstance(value, tuple | list):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    return msgspec.json.encode(value).decode()


def struct_table(page: Page, kind: type[msgspec.Struct], head: str = "key") -> None:
    """Add the fields of a struct."""
    texts = field_texts(kind)
    hints = inspect_hints(kind)
    rows = [
        (
            f"`{field.encode_name}`",
            type_text(hints[field.name]),
            default_text(field),
            texts.get(field.name, ""),
        )
        for field in msgspec.structs.fields(kind)
    ]
    page.table((head, "type", "default", "meaning"), rows)


def inspect_hints(kind: type) -> dict[str, Any]:
    """The types of a struct's fields, with their limits."""
    from typing import get_type_hints

    return get_type_hints(kind, include_extras=True)


def inner_structs(kind: Any) -> Iterator[tuple[str, type[msgspec.Struct], bool]]:
    """Structs inside the fields of a struct: key, struct, whether there may be several."""
    hints = inspect_hints(kind)
    for field in msgspec.structs.fields(kind):
        hint = hints[field.name]
        arguments = get_args(hint)
        if get_origin(hint) is types.UnionType and is_struct(arguments[0]):
            hint = arguments[0]  # a table that may be left out
        if is_struct(hint):
            yield field.encode_name, hint, False
        elif get_origin(hint) in (list, tuple) and arguments and is_struct(arguments[0]):
            yield field.encode_name, arguments[0], True


# -- pages --------------------------------------------------------------------------------------


def configuration() -> str:
    """``hookflash.toml`` and the five tables that are imported on the first start."""
    from acd_core.routing.registry import strategies
    from daemon import config
    from daemon.site_files.calendars import CalendarsFile
    from daemon.site_files.called_numbers import NumbersFile
    from daemon.site_files.callers import CallersFile
    from daemon.site_files.people import PeopleFile
    from daemon.site_files.queues import QueuesFile
    from drivers import registry

    page = Page()
    page.add(
        "# Configuration",
        GENERATED,
        "Every key of a site's files. `hookflash check` finds what is wrong in them and says what "
        "to do. How the files work together: [site directory](../operate/site-directory.md).",
        "## hookflash.toml",
        "Read once at start. A section or a key that is left out has the default.",
    )
    for name in config.SECTIONS[:-1]:
        kind = inspect_hints(config.Config)[name]
        _section(page, f"[{name}]", kind)
    page.add(
        "## Drivers",
        "Each section `[drivers.NAME]` is one driver. `driver` says of which kind; the name is "
        "yours and appears in lines, logs and the console.",
    )
    known = {
        name: found
        for name, found in registry.available().items()
        if found.options.__module__.startswith("drivers.")  # another package documents its own
    }
    for kind_name in (*ORDER, *sorted(set(known) - set(ORDER))):
        found = known[kind_name]
        page.add(f'### driver = "{kind_name}"', f"Runs in the {found.host} process.")
        _section(page, "[drivers.NAME]", found.options, level=4)
    page.add(
        "## Tables that are imported",
        "These five files are read on the first start only. After that people, queues, callers, "
        "numbers and calendars live in the database, and `hookflash export` writes them out again.",
    )
    for file, kind in (
        ("people.toml", PeopleFile),
        ("queues.toml", QueuesFile),
        ("callers.toml", CallersFile),
        ("numbers.toml", NumbersFile),
        ("calendars.toml", CalendarsFile),
    ):
        page.add(f"### {file}")
        for key, inner, _several in inner_structs(kind):
            _section(page, f"[[{key}]]", inner, level=4)
    page.add("### Routing rules", "Values of `strategy` in `queues.toml` and in the console.")
    page.table(
        ("name", "how the agent is chosen", "version"),
        [
            (f"`{rule.name}`", prose(module_text(rule.choose)), str(rule.version))
            for rule in strategies().values()
        ],
    )
    return page.text()


def module_text(thing: object) -> str:
    """The docstring of the module that something comes from."""
    module = inspect.getmodule(thing)
    return (module.__doc__ or "") if module else ""


def _section(page: Page, title: str, kind: type[msgspec.Struct], *, level: int = 3) -> None:
    """One table of a TOML file, then the tables inside it."""
    anchor = f'<a id="{kind.__name__.lower()}"></a>'
    page.add(f"{'#' * level} `{title}`", anchor + prose(kind.__doc__))
    struct_table(page, kind)
    stem = title.strip("[]")
    for key, inner, several in inner_structs(kind):
        inside = f"[[{stem}.{key}]]" if several else f"[{stem}.{key}]"
        _section(page, inside, inner, level=min(level + 1, 5))


def commands() -> str:
    """Every subcommand with its arguments."""
    from daemon.command_line import all_commands, build_parser

    page = Page()
    page.add(
        "# Commands",
        GENERATED,
        "`hookflash COMMAND --help` shows the same. Output for people is in the language of the "
        "terminal (`HOOKFLASH_LANGUAGE`, `LC_ALL`, `LC_MESSAGES`, `LANG`: English or Chinese). "
        "Exit codes: 0 done, 1 it failed, 2 wrong usage or wrong configuration, 130 interrupted. "
        "Faults go to standard error.",
    )
    found = all_commands()
    page.table(
        ("command", "what it does"),
        [(f"[`{item.name}`](#{item.name})", item.summary()) for item in found],
    )
    for item in found:
        page.add(f"## {item.name}", f"{item.summary()}.")
        _parser(page, build_parser(item))
    return page.text()


def _parser(page: Page, parser: argparse.ArgumentParser) -> None:
    page.add(f"```\n{usage(parser)}\n```")
    inner: list[argparse.ArgumentParser] = []
    rows = []
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        if isinstance(action, argparse._SubParsersAction):
            inner += action.choices.values()
            rows += [(f"`{c.dest}`", str(c.help)) for c in action._choices_actions]
            continue
        rows.append((f"`{shown(action)}`", str(action.help or "")))
    page.table(("argument", "meaning"), rows)
    for parser_inside in inner:
        page.add(f"### {parser_inside.prog.removeprefix('hookflash ')}")
        _parser(page, parser_inside)


def usage(parser: argparse.ArgumentParser) -> str:
    """The usage line; made here, because argparse writes it differently in each Python."""
    words = [parser.prog]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            words.append(f"{action.metavar or 'ACTION'} ...")
        elif not isinstance(action, argparse._HelpAction):
            optional = bool(action.option_strings) and not action.required
            optional = optional or action.nargs in ("?", "*")
            several = " ..." if action.nargs == "*" else ""
            words.append(f"[{shown(action)}{several}]" if optional else shown(action) + several)
    return " ".join(words)


def shown(action: argparse.Action) -> str:
    """An argument as it is typed."""
    name = action.metavar if isinstance(action.metavar, str) else ""
    if not name and action.choices is not None:
        name = "{" + ",".join(str(choice) for choice in action.choices) + "}"
    if not action.option_strings:
        return name or action.dest
    if action.nargs == 0:
        return ", ".join(action.option_strings)
    return f"{', '.join(action.option_strings)} {name or action.dest.upper()}"


def flow_nodes() -> str:
    """Every kind of node."""
    from ivr import flow
    from ivr.node import kinds

    page = Page()
    page.add(
        "# Flow nodes",
        GENERATED,
        "The kinds of nodes in `flows/NAME.yaml`, from the code of `ivr/nodes/`. How a flow is "
        "written and tested: [call flows](../operate/flows.md).",
        "A *prompt* is a text, a text for each language, or `{file: NAME}` for an uploaded one; "
        "where a list of prompts is expected, one alone will do. *Phrases* are a list for each "
        "language. A *text with variables* holds `{name}` or `{name:digits}`. A key of the type "
        "*name of a node* is an exit: it says which node follows.",
        "## The file",
    )
    struct_table(page, flow._Outline)
    page.add("`nodes` holds the nodes by name, `tests` the flow's own tests.")
    page.add("### `tests`", prose(flow.FlowTest.__doc__))
    struct_table(page, flow.FlowTest)
    page.add('<a id="expectation"></a>' + prose(flow.Expectation.__doc__))
    struct_table(page, flow.Expectation)
    for name, kind in kinds().items():
        page.add(f"## {name}", f"{prose(module_text(kind))} {prose(kind.__doc__)}")
        struct_table(page, kind)
        for _key, inner, _several in inner_structs(kind):
            if inner.__name__ in WORDS:
                continue
            anchor = f'<a id="{inner.__name__.lower()}"></a>'
            page.add(f"{anchor}**{inner.__name__}**: {prose(inner.__doc__)}")
            struct_table(page, inner)
    return page.text()


def api() -> str:
    """The REST interface."""
    from admin.api import openapi
    from admin.app import blueprints

    list(blueprints())  # importing the modules declares the endpoints
    page = Page()
    page.add(
        "# REST interface",
        GENERATED,
        f"All paths begin with `{openapi.PREFIX}`. The OpenAPI 3.1 document is served at "
        f"`{openapi.PREFIX}/openapi.json`, and `{openapi.PREFIX}/health` tells monitoring without "
        "a log-in whether control answers. Programs send `Authorization: Bearer TOKEN` with a "
        "token that a person makes on the account page; it has that person's roles.",
        "Moments are seconds since 1970 UTC, durations end in `_s`, calls and recordings are "
        "13-character texts. An error is `{code, text, fields}` with a status of 4xx.",
    )
    ordered = sorted(openapi.ENDPOINTS, key=lambda item: (item.path, item.method))
    used: dict[str, type[msgspec.Struct]] = {}
    for item in ordered:
        page.add(f"## {item.method} {_braced(item.path)}", f"{item.summary}.")
        rows = [("roles", ", ".join(item.roles))]
        if item.body is not None:
            rows.append(("body", type_text(item.body)))
        empty = "nothing (204)" if item.content_type == "application/json" else item.content_type
        rows.append(("reply", type_text(item.result) if item.result is not None else empty))
        page.table(("", ""), rows)
        page.table(
            ("parameter", "type", "meaning"),
            [
                (f"`{p.name}`", {"integer": "whole number"}.get(p.kind, "text"), p.text)
                for p in item.parameters
            ],
        )
        for kind in (item.body, item.result):
            _collect(kind, used)
    page.add("## Types")
    for name, kind in sorted(used.items()):
        page.add(f"### {name}", prose(kind.__doc__))
        struct_table(page, kind, "field")
    return page.text()


def _braced(path: str) -> str:
    return "/".join(
        "{" + part[1:].partition(":")[0] + "}" if part.startswith("<") else part
        for part in path.split("/")
    )


def _collect(kind: Any, used: dict[str, type[msgspec.Struct]]) -> None:
    """Note every struct in a type."""
    if is_struct(kind):
        if kind.__name__ not in used:
            used[kind.__name__] = kind
            for hint in inspect_hints(kind).values():
                _collect(hint, used)
        return
    for argument in get_args(kind):
        _collect(argument, used)


PAGES: Final[dict[str, Callable[[], str]]] = {
    "configuration.md": configuration,
    "commands.md": commands,
    "flow-nodes.md": flow_nodes,
    "api.md": api,
}


def main() -> int:
    """Write all pages and name those that changed."""
    os.environ["HOOKFLASH_LANGUAGE"] = "en"
    REFERENCE.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        path, text = REFERENCE / name, make()
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            sys.stdout.write(f"{path.relative_to(Path.cwd())} written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
