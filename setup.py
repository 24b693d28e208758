"""Everything is read from settings.ini; `pip install .` and nbdev share it."""
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

parser = ConfigParser(delimiters=["="])
parser.read("settings.ini", encoding="utf-8")
cfg = parser["DEFAULT"]
lib = cfg["lib_name"]
suffix = "_requirements"
extras = {key.removesuffix(suffix): value.split() for key, value in cfg.items() if key.endswith(suffix)}
extras["all"] = sorted({need for name, needs in extras.items() if name not in ("pysaliency", "dev") for need in needs})

setup(name=lib, version=cfg["version"], description=cfg["description"], keywords=cfg["keywords"],
      author=cfg["author"], author_email=cfg["author_email"], url=cfg["git_url"], license="Apache-2.0",
      long_description=Path("README.md").read_text(encoding="utf-8"), long_description_content_type="text/markdown",
      packages=find_packages(include=[lib, f"{lib}.*"]), package_data={lib: ["configs/*.yaml", "data/*.yaml", "templates/*", "notebooks/*.ipynb"]},
      python_requires=f">={cfg['min_python']}", install_requires=cfg["requirements"].split(), extras_require=extras,
      entry_points={"console_scripts": cfg["console_scripts"].split()}, zip_safe=False)
