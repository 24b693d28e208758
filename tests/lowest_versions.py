"""Print the lowest versions that settings.ini declares, one constraint a line, for `pip -c`.

python tests/lowest_versions.py                   of the light core
python tests/lowest_versions.py opencv metrics    of the light core and these extras
python tests/lowest_versions.py --check           ask pip whether each bound in settings.ini is a version that exists
"""
import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

def bounds() -> dict[str, list[str]]:
    "The lowest versions as `package==version`, by the key of settings.ini; what has no lower bound is left out."
    settings = ConfigParser(delimiters=["="])
    settings.read(Path(__file__).parents[1] / "settings.ini", encoding="utf-8")
    return {key: [re.sub("[>=]=", "==", need) for need in value.split() if re.search("[>=]=", need)]
            for key, value in settings["DEFAULT"].items() if key.endswith("requirements")}


def check() -> int:
    "How many keys of settings.ini have a bound that pip does not find for this Python; pip says which."
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps", "--ignore-installed"]
    return sum(subprocess.run([*pip, *needs]).returncode != 0 for needs in bounds().values())


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(check())
    keys = ["requirements", *(f"{extra}_requirements" for extra in sys.argv[1:])]
    print("\n".join(sorted({bound for key in keys for bound in bounds()[key]})))
