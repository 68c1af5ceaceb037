"""The guide and the README: examples run, pages are listed, the reference is complete."""

import importlib
import multiprocessing
import os
import re
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import skae

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [DOCS / "quickstart.md", *sorted((DOCS / "guide").glob("*.md"))]
EXAMPLES = sorted((DOCS.parent / "examples").glob("*.py"))
CONF = (DOCS / "conf.py").read_text(encoding="utf-8")
WITH_EXAMPLES = [page for page in PAGES if page.stem not in ("command", "costs", "how_it_works")]
PICTURES = {"backend": "agg", "figure.max_open_warning": 0}
README = (DOCS.parent / "README.md").read_text(encoding="utf-8")
IN_README = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
INDEX = (DOCS / "index.md").read_text(encoding="utf-8")


def cells(page):
    """Return the code that Sphinx executes in a page."""
    return re.findall(r"```{code-cell} python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


@pytest.fixture
def where_nothing_is_kept(tmp_path, monkeypatch):
    """Work in an empty folder, without showing pictures."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(tmp_path)
    with pyplot.rc_context(PICTURES):
        yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def elsewhere():
    """Run functions in a process that is replaced before it has grown much."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=8) as processes:
        yield lambda *call: processes.submit(*call).result()


def run_cells(sources, name, folder, filters):
    """Execute a page as Sphinx does, under these warning filters."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    importlib.import_module("tensorflow")  # its warnings are not errors
    os.chdir(folder)
    found: dict = {}
    with warnings.catch_warnings(), pyplot.rc_context(PICTURES):
        warnings.filters[:] = filters
        for source in sources:
            exec(compile(source, name, "exec"), found)
    pyplot.close("all")


@pytest.mark.docs
@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=[page.stem for page in WITH_EXAMPLES])
def test_the_examples_of_a_page_run_one_after_the_other(page, elsewhere, tmp_path):
    pytest.importorskip("matplotlib.pyplot")
    assert cells(page)
    elsewhere(run_cells, cells(page), page.name, tmp_path, warnings.filters)


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("example", IN_README, ids=range(len(IN_README)))
def test_an_example_of_the_readme_runs_without_a_warning(example, elsewhere, tmp_path):
    everything = [("error", None, Warning, None, 0)]
    elsewhere(run_cells, [example], "README.md", tmp_path, everything)


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=[page.stem for page in WITH_EXAMPLES])
def test_the_examples_of_a_page_name_what_is_there(page):
    """The build of the documentation executes them; this test checks names of skae."""
    for cell in cells(page):
        compile(cell, page.name, "exec")
        for path in re.findall(r"\bskae((?:\.\w+)+)", cell):
            found = skae
            for name in path.split(".")[1:]:
                found = getattr(found, name)
        for module, names in re.findall(r"^from (skae[\w.]*) import (.+)$", cell, re.MULTILINE):
            for name in names.split(","):
                assert hasattr(importlib.import_module(module), name.strip())


def test_the_readme_has_an_example():
    assert IN_README


@pytest.mark.docs
@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_an_example_that_is_only_shown_runs_where_its_packages_are(page, where_nothing_is_kept):
    for example in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        for package in re.findall(r"^import (\w+)", example, re.MULTILINE):
            pytest.importorskip(package)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # imports of the page
            exec(compile(example, page.name, "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_page_is_listed_once(page):
    assert INDEX.count(f"\n{page.relative_to(DOCS).with_suffix('')}\n") == 1


def test_every_page_that_is_listed_exists():
    for name in re.findall(r"^((?:guide|decisions)/\w+)$", INDEX, re.MULTILINE):
        assert (DOCS / f"{name}.md").is_file()


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.stem for example in EXAMPLES])
def test_an_example_of_the_gallery_is_listed_and_begins_with_a_heading(example):
    assert f'"{example.name}"' in CONF
    title, line = example.read_text("utf-8").splitlines()[1:3]
    assert line == "=" * len(title)


@pytest.mark.parametrize("name", [name for name in skae.__all__ if name != "__version__"])
def test_the_reference_has_every_public_name(name):
    assert f"\n   {name}\n" in (DOCS / "api.md").read_text("utf-8")


@pytest.mark.parametrize("page", sorted(DOCS.glob("**/*.md")), ids=lambda page: page.stem)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists() or target.endswith("gallery/index.rst"), target
