"""Print the lowest version that settings.ini declares of each package of the light core, one constraint a line, for `pip -c`."""
from configparser import ConfigParser
from pathlib import Path

settings = ConfigParser(delimiters=["="])
settings.read(Path(__file__).parents[1] / "settings.ini", encoding="utf-8")
for need in settings["DEFAULT"]["requirements"].split():
    print(need.replace(">=", "=="))
