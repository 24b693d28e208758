# Two commands do everything on a fresh machine with Python 3.11 or newer:
#   make demo   the light core, the toy data, a benchmark, its leaderboard
#   make test   the full test set: ruff and mypy, notebooks clean and exported, their tests, pytest
#   make docs   the site of notebooks, reference and gallery in _docs/html; fails on dead links
#   make lint   ruff and mypy alone, half a minute, two seconds once mypy has its cache
# They work in .venv; PYTHON=python3.12 picks another interpreter.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CHECK  := import sys; sys.exit("Python 3.11 or newer is needed, this is %d.%d. Try: make demo PYTHON=python3.12" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)

.PHONY: demo test lint docs sync export clean

demo: $(VENV)/core
	@$(BIN)/saliency-playground toy
	@$(BIN)/saliency-playground run --config demo
	@$(BIN)/saliency-playground report demo/outputs --picture demo/contact_sheet.png
	@echo "Here it is called $(BIN)/saliency-playground; after \`source $(BIN)/activate\`, saliency-playground."

test: lint
	$(BIN)/python tests/check_sync.py
	$(BIN)/python tests/run_notebooks.py
	$(BIN)/pytest --numprocesses logical --maxprocesses 4 --dist loadfile --durations 20

lint: $(VENV)/full
	$(BIN)/ruff check .
	$(BIN)/mypy

# after editing a notebook: write the modules anew and clean the notebooks
export: $(VENV)/full
	$(BIN)/python tests/ship_notebooks.py --before
	$(BIN)/nbdev_export
	$(BIN)/nbdev_clean
	$(BIN)/python tests/ship_notebooks.py

docs: $(VENV)/docs
	@$(BIN)/python docs/build.py

$(VENV)/core: settings.ini setup.py requirements.txt
	@$(PYTHON) -c '$(CHECK)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the light core into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/full: $(VENV)/core
	@echo "installing the test set into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@

$(VENV)/docs: $(VENV)/core
	@echo "installing what the site needs into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	@touch $@

clean:
	rm -rf $(VENV) _docs build dist *.egg-info
