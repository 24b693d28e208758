"""Everything is read from settings.ini; `pip install .` and nbdev share it."""
import re
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

LICENSES = {"apache2": "Apache-2.0"}
STATUS = {"1": "1 - Planning", "2": "2 - Pre-Alpha", "3": "3 - Alpha", "4": "4 - Beta", "5": "5 - Production/Stable"}
DATA = ["py.typed", "configs/*.yaml", "data/*.yaml", "templates/*", "notebooks/*.ipynb"]

parser = ConfigParser(delimiters=["="])
parser.read("settings.ini", encoding="utf-8")
cfg = parser["DEFAULT"]
lib, home, tag = cfg["lib_name"], cfg["git_url"], f"v{cfg['version']}"


class WithoutIndex(build_py):
    "Leaves out `_modidx.py`, by which nbdev finds the notebook of a definition: it is of use in the repository only."

    def find_package_modules(self, package, package_dir):
        modules = super().find_package_modules(package, package_dir)
        return [(owner, name, path) for owner, name, path in modules if name != "_modidx"]


def extras() -> dict[str, list[str]]:
    "What each extra asks for: the keys of settings.ini that end in `_requirements`; `all` is those that go together."
    suffix = "_requirements"
    needs = {key.removesuffix(suffix): value.split() for key, value in cfg.items() if key.endswith(suffix)}
    together = [needs[name] for name in needs if name not in ("pysaliency", "dev", "docs")]
    return needs | {"all": sorted(set().union(*together))}


def read_anywhere(markdown: str) -> str:
    "The README with absolute links: those to files of the repository lead nowhere on a page of the package index."
    raw = home.replace("https://github.com", "https://raw.githubusercontent.com")
    pictures = re.sub(r"(!\[[^\]]*\]\()(?![a-z]+:|#)", rf"\g<1>{raw}/{tag}/", markdown)
    return re.sub(r"((?<!!)\[[^\]]*\]\()(?![a-z]+:|#)", rf"\g<1>{home}/blob/{tag}/", pictures)


def classifiers() -> list[str]:
    "What the package index sorts by. The license has a field of its own."
    return [
        f"Development Status :: {STATUS[cfg['status']]}",
        "Framework :: Jupyter",
        f"Intended Audience :: {cfg['audience']}",
        f"Natural Language :: {cfg['language']}",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3 :: Only",
        *(f"Programming Language :: Python :: {version}" for version in cfg["tested_pythons"].split()),
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Topic :: Scientific/Engineering :: Visualization",
        "Typing :: Typed",
    ]


setup(
    name=lib,
    version=cfg["version"],
    description=cfg["description"],
    keywords=cfg["keywords"].split(),
    classifiers=classifiers(),
    author=cfg["author"],
    author_email=cfg["author_email"],
    license_expression=LICENSES[cfg["license"]],
    license_files=["LICENSE"],
    project_urls={"Homepage": home, "Issues": f"{home}/issues",
                  "Changelog": f"{home}/blob/{cfg['branch']}/CHANGELOG.md"},
    long_description=read_anywhere(Path("README.md").read_text(encoding="utf-8")),
    long_description_content_type="text/markdown",
    packages=find_packages(include=[lib, f"{lib}.*"]),
    package_data={lib: DATA},
    cmdclass={"build_py": WithoutIndex},
    python_requires=f">={cfg['min_python']}",
    install_requires=cfg["requirements"].split(),
    extras_require=extras(),
    entry_points={"console_scripts": cfg["console_scripts"].split()},
    zip_safe=False)
