"""The API reference, read from the source: nothing is imported, so nothing heavy is needed.

A page a room (a module or package directly below the package), a section a module, an entry for each name in its
`__all__`: signature, docstring, fields and methods, and the place in the notebook where it is explained.
"""
import ast
import inspect
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pages
from pages import floors

NAME = floors.NAME
_WORD = r"\*{0,2}[A-Za-z_]\w*"


@dataclass
class Module:
    "A module of the package, as its file says."
    path: Path
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = floors.name_of(self.path)

    @cached_property
    def lines(self) -> list[str]:
        return self.path.read_text(encoding="utf-8").split("\n")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse("\n".join(self.lines))

    @property
    def full_name(self) -> str:
        return f"{NAME}.{self.name}".rstrip(".")

    @property
    def room(self) -> str:
        return self.name.split(".")[0]

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        "Everything that is defined at the left margin or under an `if` or `try` there; the last of a name counts."
        found: dict[str, ast.stmt] = {}
        todo = list(self.tree.body)
        while todo:
            node = todo.pop(0)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found[node.name] = node
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [one for target in targets for one in getattr(target, "elts", [target])]
                found |= {one.id: node for one in names if isinstance(one, ast.Name)}
            elif isinstance(node, ast.If | ast.Try | ast.With):
                todo = [*node.body, *getattr(node, "orelse", []), *todo]
        return found

    @cached_property
    def public(self) -> list[str]:
        "The names in `__all__` that are defined here."
        node = self.definitions.get("__all__")
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.List):
            return []
        names = [one.value for one in node.value.elts if isinstance(one, ast.Constant)]
        return [name for name in names if name in self.definitions]

    @cached_property
    def imported(self) -> dict[str, str]:
        "The full name of everything that the file imports, by the name it has here."
        here = [NAME, *self.path.relative_to(floors.PACKAGE).with_suffix("").parts[:-1]]
        found = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.asname: alias.name for alias in node.names if alias.asname}
            elif isinstance(node, ast.ImportFrom):
                above = here[:len(here) - node.level + 1] if node.level else []
                found |= {alias.asname or alias.name: ".".join([*above, *filter(None, [node.module]), alias.name])
                          for alias in node.names}
        return found

    @property
    def notebook(self) -> Path | None:
        made_of = re.search(r"File to edit: (\S+\.ipynb)", "\n".join(self.lines[:8]))
        return (self.path.parent / made_of[1]).resolve() if made_of else None


def modules() -> list[Module]:
    "All modules of the package, in the order of their notebooks; those without one last."
    places = floors.numbers()
    return sorted((Module(path) for path in floors.MODULES), key=lambda one: (one.name not in places,
                                                                              places.get(one.name, ()), one.name))


class Reference:
    "All that is public, and the pages about it."

    def __init__(self) -> None:
        self.modules = [module for module in modules() if module.name and (module.public or module.notebook)]
        self.module_names = {module.name for module in self.modules}
        self.homes: dict[str, list[Module]] = {}
        for module in self.modules:
            for name in module.public:
                self.homes.setdefault(name, []).append(module)
        self.headings = {module.name: pages.headings_of_definitions(module.notebook)
                         for module in self.modules if module.notebook}

    def full_name_of(self, name: str, module: Module) -> str:
        "What a name between backticks or in a hint means, said in a module; empty if nothing public of ours."
        base = name.removesuffix("()").removeprefix(f"{NAME}.").removeprefix("sp.")
        if base in module.public:
            return f"{module.full_name}.{base}"
        imported = module.imported.get(base, "").removeprefix(f"{NAME}.")
        for dotted in (imported, base):
            home, _, last = dotted.rpartition(".")
            if any(home in (one.name, one.name.rpartition(".")[2]) for one in self.homes.get(last, []) if home):
                return next(f"{one.full_name}.{last}" for one in self.homes[last]
                            if home in (one.name, one.name.rpartition(".")[2]))
        homes = self.homes.get(base, [])
        if len(homes) == 1 and (base[:1].isupper() or "_" in base):
            return f"{homes[0].full_name}.{base}"
        if base in self.module_names and "." in base:
            return f"{NAME}.{base}"
        return ""

    def hint(self, node: ast.expr, module: Module) -> str:
        "A type hint or default as text, names of ours by their full names, so that they become links."
        reference = self

        class Names(ast.NodeTransformer):
            def visit_Name(self, node: ast.Name) -> ast.AST:
                full = reference.full_name_of(node.id, module)
                return ast.parse(full, mode="eval").body if full else node

            def visit_Constant(self, node: ast.Constant) -> ast.AST:
                if isinstance(node.value, str) and re.fullmatch(r"[A-Za-z_][\w.\[\] |,]*", node.value):
                    return self.visit(ast.parse(node.value, mode="eval").body)
                return node

            def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
                return node if getattr(node.value, "id", "") == "Literal" else self.generic_visit(node)

        return ast.unparse(Names().visit(ast.parse(ast.unparse(node), mode="eval").body))

    def signature(self, node: ast.FunctionDef | ast.AsyncFunctionDef, module: Module, method: bool = False) -> str:
        "Arguments and result of a function; of a method without self."
        arguments = ast.parse(f"def f({ast.unparse(node.args)}): pass").body[0].args         # type: ignore[attr-defined]
        first = [*arguments.posonlyargs, *arguments.args][:1]
        if method and first and not any(ast.unparse(one) == "staticmethod" for one in node.decorator_list):
            (arguments.posonlyargs or arguments.args).pop(0)
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        for one in filter(None, every):
            if one.annotation:
                one.annotation = ast.parse(self.hint(one.annotation, module), mode="eval").body
        for defaults in (arguments.defaults, arguments.kw_defaults):
            defaults[:] = [short(default) if default else default for default in defaults]
        return f"({ast.unparse(arguments)})" + (f" -> {self.hint(node.returns, module)}" if node.returns else "")

    def prose(self, text: str, module: Module, names: list[str] = ()) -> str:                     # type: ignore[assignment]
        """A docstring as Markdown.

        What is said of an argument (names) becomes an item of a list, results and errors begin a paragraph.
        """
        text = inspect.cleandoc(text)
        if names:
            known = "|".join(re.escape(name) for name in names)
            listed = rf"(?:^|(?<=[.;] ))((?:{known})(?:(?:, | and |/)(?:{known}))*): "
            text = re.sub(listed, lambda said: f"\n- {NAMES}{said[1]}{NAMES}: ", text, flags=re.MULTILINE)
            text = re.sub(rf"\s*\n(?=- {NAMES})", "\n", text).replace(f"\n- {NAMES}", f"\n\n- {NAMES}", 1)
            text = re.sub(rf"(^- {NAMES}.*?\.) *\n(?=[A-Z])", r"\1\n\n", text, flags=re.MULTILINE)
        text = re.sub(r"(^|(?<=[.;:)] ))(Returns|Raises|Yields) ", r"\n\n\2 ", text, flags=re.MULTILINE)
        text = pages.outside_code(text, lambda part: re.sub(r"([*_<\[\]$])", r"\\\1", part))
        text = re.sub(f"{NAMES}(.+?){NAMES}", r"**\1**", text)
        return pages._CODE.sub(lambda code: self.linked(code[0], module), text)

    def linked(self, code: str, module: Module) -> str:
        "A name between backticks as a link to its entry, where it has one."
        name = code.strip("`")
        full = self.full_name_of(name, module) if re.fullmatch(r"[\w.]+(\(\))?", name) else ""
        return linked_to(full, name) if full else code

    def explained(self, name: str, module: Module, up: str = "..") -> str:
        "A line that leads to the place in the notebook where a name is explained."
        if not module.notebook:
            return ""
        heading, anchor = self.headings[module.name].get(name, ("", ""))
        target = f"{up}/{pages.page_name(module.notebook)}" + (f"#{anchor}" if anchor else "")
        return f"[{heading or pages.promise(module.notebook)[0]}]({target})"

    def entry(self, name: str, module: Module) -> str:
        "The entry of a public name."
        node = module.definitions[name]
        where = self.explained(name, module)
        end = f"\n\n{{.explained}}\nExplained under {where}." if where else ""
        if isinstance(node, ast.ClassDef):
            return self.class_entry(node, module, end)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            said = self.prose(ast.get_docstring(node) or "", module, argument_names(node))
            return directive("py:function", f"{name}{self.signature(node, module)}", said + end)
        hint = getattr(node, "annotation", None)
        options = [f":type: {self.hint(hint, module)}"] if hint else []
        options += [f":value: {text}"] if (text := value_of(node)) else []
        return directive("py:data", name, self.prose(remark(module, node), module) + end, options)

    def class_entry(self, node: ast.ClassDef, module: Module, end: str) -> str:
        "The entry of a class: fields with what is said behind them, public methods and properties."
        own = {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)
               and not any(ast.unparse(mark) == "overload" for mark in one.decorator_list)}
        fields = [one for one in node.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
                  and not one.target.id.startswith("_")]
        bases = [self.hint(base, module) for base in node.bases]
        made = own.get("__init__")
        arguments = self.signature(made, module, method=True).partition(" -> ")[0] if made else ""
        if not made and is_record(node):
            arguments = f"({', '.join(self.record_field(one, module) for one in fields)})"
            fields = [one for one in fields if remark(module, one)]
        attributes = [target for one in node.body if isinstance(one, ast.Assign | ast.AnnAssign)
                      for target in getattr(one, "targets", None) or [getattr(one, "target", None)]]
        names = [*argument_names(made or node), *(one.id for one in attributes if isinstance(one, ast.Name))]
        said = [self.prose(ast.get_docstring(node) or "", module, names)]
        if made and (text := ast.get_docstring(made)):
            said.append(self.prose(text, module, names))
        if known := [linked_to(base) for base in bases if base.startswith(NAME)]:
            said.append(f"A {', '.join(known)}.")
        said += [self.field(one, module) for one in fields]
        said += [self.method(one, module) for name, one in own.items() if not name.startswith("_")]
        return directive("py:class", node.name + arguments, "\n\n".join(filter(None, said)) + end)

    def record_field(self, node: ast.AnnAssign, module: Module) -> str:
        "A field of a class as an argument in its signature."
        default = f" = {ast.unparse(short(node.value))}" if node.value else ""
        return f"{ast.unparse(node.target)}: {self.hint(node.annotation, module)}{default}"

    def field(self, node: ast.AnnAssign, module: Module) -> str:
        options = [f":type: {self.hint(node.annotation, module)}"]
        options += [f":value: {text}"] if (text := value_of(node)) else []
        return directive("py:attribute", ast.unparse(node.target), self.prose(remark(module, node), module), options)

    def method(self, node: ast.FunctionDef, module: Module) -> str:
        marks = {ast.unparse(mark).split("(")[0].rpartition(".")[2] for mark in node.decorator_list}
        said = self.prose(ast.get_docstring(node) or "", module, argument_names(node))
        if marks & {"property", "cached_property", "setter"}:
            return directive("py:property", node.name, said,
                             [f":type: {self.hint(node.returns, module)}"] if node.returns else [])
        options = [f":{kind}:" for kind in ("classmethod", "staticmethod") if kind in marks]
        return directive("py:method", node.name + self.signature(node, module, method=True), said, options)

    def rooms(self) -> list[str]:
        return list(dict.fromkeys(module.room for module in self.modules))

    def module_section(self, module: Module) -> str:
        "A module on its room's page: promise, notebook, entries."
        said = self.prose(ast.get_docstring(module.tree) or "", module)
        lead = f"[Notebook](../{pages.page_name(module.notebook)})" if module.notebook else ""
        head = f"## {module.name}\n\n" if "." in module.name else ""
        start = f"```{{py:module}} {module.full_name}\n```\n\n{said} {lead}"
        return head + "\n\n".join([start, *(self.entry(name, module) for name in module.public)])

    def room_page(self, room: str) -> str:
        inside = [module for module in self.modules if module.room == room]
        package = next((one for one in modules() if one.name == room and one.path.name == "__init__.py"), None)
        lead = [self.face_of(package)] if package else []
        floor = floors.floors().get(room)
        where = [f"{{.explained}}\nFloor {floor} of [the house](../house.md)."] if floor is not None else []
        return "\n\n".join([f"# {room}", *where, *lead, *(self.module_section(module) for module in inside)]) + "\n"

    def face_of(self, package: Module) -> str:
        "What a package is, and the names that can be taken from it directly."
        taken = [name for name, full in package.imported.items() if full.startswith(NAME) and not name.startswith("_")]
        links = [self.linked(f"`{name}`", package) for name in taken]
        said = ast.get_docstring(package.tree) or ""
        faces = f"\n\n`{package.full_name}` itself has {', '.join(links)}." if links else ""
        return (self.prose(said, package) + faces).strip()

    def face_page(self) -> str:
        "What `import saliency_playground as sp` brings."
        face = Module(floors.PACKAGE / "__init__.py")
        table = ast.literal_eval(face.definitions["_FACE"].value)                              # type: ignore[attr-defined]
        rows = ["| `sp.` | |", "|---|---|"]
        for name, home in sorted(table.items(), key=lambda item: item[0].lower()):
            module = next(one for one in self.modules if one.name == home)
            rows.append(f"| {self.linked(f'`{home}.{name}`', face).replace(f'`{home}.', '`', 1)} | "
                        f"{self.prose(first_sentence(module.definitions[name]), module)} |")
        lead = f"```python\nimport {NAME} as sp\n```\n\nEach name is imported when it is first used."
        module_mark = f"```{{py:module}} {NAME}\n```"
        return "\n\n".join(["# The face", lead, module_mark, "\n".join(rows), self.entry("view", face)]) + "\n"

    def index_page(self) -> str:
        "All rooms by floor, each with its modules and public names."
        parts = ["# Reference", "Every public name, by floor: a room stands on those below it "
                 "([the house](../house.md)). What most people need is [the face](face.md)."]
        for floor in sorted(floors.drawn_floors(), key=lambda floor: -floor.number):
            parts.append(f"## Floor {floor.number}: {floor.name}\n\n{floor.about[0].upper()}{floor.about[1:]}."
                         if floor.about and floor.number < 7 else f"## Floor {floor.number}: {floor.name}")
            for room in floor.rooms:
                inside = [module for module in self.modules if module.room == room]
                names = ", ".join(self.linked(f"`{module.full_name}.{name}`", module).replace(
                    f"`{module.full_name}.", "`", 1) for module in inside for name in module.public)
                parts.append(f"**[{room}]({room}.md)**" + (f": {names}" if names else ""))
        toc = "\n".join(["```{toctree}", ":hidden:", "", "face", *self.rooms(), "```"])
        return "\n\n".join([*parts, toc]) + "\n"

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.md").write_text(self.index_page(), encoding="utf-8")
        (folder / "face.md").write_text(self.face_page(), encoding="utf-8")
        for room in self.rooms():
            (folder / f"{room}.md").write_text(self.room_page(room), encoding="utf-8")


def linked_to(full: str, shown: str = "") -> str:
    "A link to the entry of this full name."
    return f"{{py:obj}}`{shown or full.rpartition('.')[2]} <{full}>`"


NAMES = "\N{ZERO WIDTH SPACE}"                         # around what is printed bold, until all else is escaped


def directive(kind: str, argument: str, text: str, options: list[str] = ()) -> str:           # type: ignore[assignment]
    "A block of MyST with enough colons or backticks around what it holds."
    fence = ":" * (max([2, *(len(colons) for colons in re.findall(r"^:{3,}", text, re.MULTILINE))]) + 1)
    return "\n".join([f"{fence}{{{kind}}} {argument}", *options, "", text.strip("\n"), fence])


def is_record(node: ast.ClassDef) -> bool:
    "Whether a class is made of its fields: a dataclass, a NamedTuple."
    marks = {ast.unparse(mark).partition("(")[0] for mark in node.decorator_list}
    return "dataclass" in marks or "NamedTuple" in {ast.unparse(base) for base in node.bases}


def argument_names(node: ast.AST) -> list[str]:
    "The names of a function's arguments; none for a class."
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return [one.arg for one in every if one and one.arg not in ("self", "cls")]


def short(node: ast.expr) -> ast.expr:
    "A default, or `...` for one that is too long to be read in a signature."
    return node if len(ast.unparse(node)) <= 60 else ast.Constant(...)


def value_of(node: ast.stmt) -> str:
    "The value that a name is given, if it fits into a line."
    value = getattr(node, "value", None)
    text = ast.unparse(value) if value is not None else ""
    return text if len(text) <= 80 and "\n" not in text else ""


def remark(module: Module, node: ast.stmt) -> str:
    "The comment behind a definition, which says what it is."
    line = module.lines[(node.end_lineno or node.lineno) - 1].encode()[node.end_col_offset or 0:].decode()
    said = line.partition("#")[2].strip()
    said = "" if said.startswith(("noqa", "type:")) else said
    return said[:1].upper() + said[1:] + ("" if said.endswith((".", "…")) else ".") if said else ""


def first_sentence(node: ast.AST) -> str:
    said = " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())              # type: ignore[arg-type]
    return re.split(r"(?<=[.;]) (?=[A-Za-z_]+:|[A-Z])", said)[0]
