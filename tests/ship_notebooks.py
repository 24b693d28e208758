"""Copies the notebooks of `nbs/workflows` into the package, without their outputs, so that a wheel has them.

Run by `make export`.
"""
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def shipped(text: str) -> str:
    "A notebook's text without outputs and counts of execution."
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"execution_count": None, "outputs": []}
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def ship(root: Path) -> None:
    "Write the copies, and remove those of notebooks that are gone."
    folder, sources = (root / "saliency_playground" / "notebooks",
                       {path.name: path for path in (root / "nbs" / "workflows").glob("*.ipynb")})
    for path in folder.glob("*.ipynb"):
        if path.name not in sources:
            path.unlink()
    for name, path in sources.items():
        (folder / name).write_text(shipped(path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    sys.exit(ship(ROOT))
