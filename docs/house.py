"""The picture of the house, drawn from the imports themselves: a box a room, a line an import, a band a floor."""
import html
from dataclasses import dataclass

from pages import floors

WIDTH, BAND, BOX, LEFT, GAP = 1120, 104, 44, 128, 10
STYLE = """
.house { min-width: 820px; width: 100%; height: auto; font-family: inherit; }
.house .band { fill: var(--color-background-secondary, #f8f9fb); }
.house .floor { fill: var(--color-foreground-muted, #6b6f76); font-size: 13px; }
.house .number { fill: var(--color-foreground-primary, #000); font-size: 15px; font-weight: 600; }
.house rect.room { fill: var(--color-background-primary, #fff); stroke: var(--color-foreground-border, #878787); }
.house .name { fill: var(--color-foreground-primary, #000); font-size: 13px; text-anchor: middle; }
.house .size { fill: var(--color-foreground-muted, #6b6f76); font-size: 10px; text-anchor: middle; }
.house path { fill: none; stroke: var(--color-foreground-muted, #6b6f76); stroke-width: 1; opacity: .2; }
.house a { text-decoration: none; }
.house a:hover rect.room, .house a:focus rect.room { stroke: var(--color-brand-primary, #0a4bff); stroke-width: 2; }
"""


@dataclass
class Room:
    "A module or package directly below the package, where it is drawn."
    name: str
    floor: int
    modules: int
    lines: int
    x: float = 0
    width: float = 0

    @property
    def top(self) -> float:
        return (7 - self.floor) * (BAND + GAP) + (BAND - BOX) / 2 + GAP

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def rooms() -> dict[str, Room]:
    "All rooms of the picture in nbs/README.md with their sizes, those of a floor side by side."
    found = {}
    for floor in floors.drawn_floors():
        inside = []
        for name in floor.rooms:
            files = [path for path in floors.MODULES if floors.name_of(path).split(".")[0] == name]
            lines = sum(path.read_text(encoding="utf-8").count("\n") for path in files)
            inside.append(Room(name, floor.number, len(files), lines, width=max(62, 7.6 * len(name) + 20)))
        free = WIDTH - LEFT - GAP - sum(room.width for room in inside)
        gap = min(free / (len(inside) + 1), 40)
        x = LEFT + (WIDTH - LEFT - GAP - sum(room.width + gap for room in inside) + gap) / 2
        for room in inside:
            room.x, x = x, x + room.width + gap
            found[room.name] = room
    return found


def room_imports() -> set[tuple[str, str]]:
    "Which room of the picture imports which, anywhere in its modules."
    pairs, drawn = set(), floors.floors().keys()
    for path in floors.MODULES:
        here = floors.name_of(path).split(".")[0]
        pairs |= {(here, other.split(".")[0]) for other in floors.own_imports(path)}
    return {(a, b) for a, b in pairs if a != b and {a, b} <= drawn}


def curve(a: Room, b: Room) -> str:
    "A line from a room down to one that it imports; beneath the boxes for two of one floor."
    if a.floor == b.floor:
        y, sag = a.top + BOX, min(26, 8 + abs(a.middle - b.middle) / 14)
        places = [(a.middle, y), (a.middle, y + sag), (b.middle, y + sag), (b.middle, y)]
    else:
        start, end = a.top + BOX, b.top
        bend = (end - start) * 0.45
        places = [(a.middle, start), (a.middle, start + bend), (b.middle, end - bend), (b.middle, end)]
    first, *rest = (f"{x:.0f} {y:.0f}" for x, y in places)
    return f"M{first}C{' '.join(rest)}"


def svg(to: str = "reference/{}.html") -> str:
    "The picture; a room leads to its page. The room that is pointed at shows what it imports and what imports it."
    here, drawn = rooms(), sorted(room_imports())
    height = len(floors.drawn_floors()) * (BAND + GAP) + GAP
    lit = "".join(f".house:has(#room-{name}:is(:hover, :focus)) .from-{name} {{ opacity: 1; stroke-width: 1.6; "
                  "stroke: var(--color-brand-primary, #0a4bff); }\n"
                  f".house:has(#room-{name}:is(:hover, :focus)) .to-{name} {{ opacity: .9; stroke-width: 1.6; "
                  "stroke: #d9730d; }\n" for name in here)
    parts = [f'<svg class="house" viewBox="0 0 {WIDTH} {height}" role="img" '
             f'aria-label="The rooms of the package by floor, and {len(drawn)} imports between them, all downwards">',
             f"<style>{STYLE}{lit}</style>"]
    for floor in floors.drawn_floors():
        y = (7 - floor.number) * (BAND + GAP) + GAP
        parts += [f'<rect class="band" x="0" y="{y}" width="{WIDTH}" height="{BAND}" rx="8"/>',
                  f'<text class="number" x="16" y="{y + BAND / 2 + 5:.0f}">{floor.number}</text>',
                  f'<text class="floor" x="36" y="{y + BAND / 2 + 5:.0f}">{html.escape(floor.name)}</text>']
    parts += [f'<path class="from-{a} to-{b}" d="{curve(here[a], here[b])}"/>' for a, b in drawn]
    for room in here.values():
        size = f"{room.lines:,} lines" if room.modules == 1 else f"{room.modules} modules"
        parts.append(
            f'<a id="room-{room.name}" href="{to.format(room.name)}"><title>{room.name}: {room.modules} modules, '
            f'{room.lines:,} lines</title><rect class="room" x="{room.x:.0f}" y="{room.top:.0f}" '
            f'width="{room.width:.0f}" height="{BOX}" rx="6"/><text class="name" x="{room.middle:.0f}" '
            f'y="{room.top + 20:.0f}">{room.name}</text><text class="size" x="{room.middle:.0f}" '
            f'y="{room.top + 35:.0f}">{size}</text></a>')
    return "\n".join([*parts, "</svg>"])


def page() -> str:
    "The page about the house: the picture, and the same in words."
    pairs, here = room_imports(), rooms()
    rows = ["| floor | room | modules | lines | imports |", "|---|---|---:|---:|---|"]
    for floor in floors.drawn_floors():
        for name in floor.rooms:
            below = [other for other in reversed(here) if (name, other) in pairs]
            rows.append(f"| {floor.number} | [{name}](reference/{name}.md) | {here[name].modules} "
                        f"| {here[name].lines:,} | {', '.join(below) or '–'} |")
    lead = (f"Every room of the package on its floor, and all {len(pairs)} imports between rooms, read from the source "
            "when this page was built. Imports go down only; on one floor, from a higher number to a lower. Point at a "
            'room: <span class="imports">what it imports</span> and <span class="importers">what imports it</span> '
            "light up. A click leads to its reference. [The rules of the house](nbs/README.md).")
    to_the_middle = "const box = document.currentScript.previousElementSibling; box.scrollLeft = box.scrollWidth / 4;"
    picture = (f'```{{raw}} html\n<div class="scrolls">\n{svg()}\n</div>\n'
               f"<script>{to_the_middle}</script>\n```")
    return "\n\n".join(["# The house", lead, picture, "## The same in words", "\n".join(rows)]) + "\n"
