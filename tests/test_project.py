"""The files of the project agree with each other: versions, addresses, scripts, bounds."""

import re
import tomllib
from pathlib import Path

import pytest

import skae

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
BASE = "https://github.com/skae/skae"
TEXTS = [
    *ROOT.glob("*.md"),
    *ROOT.glob("*.cff"),
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("skae/**/*.py"),
]
SETTINGS = [*ROOT.glob(".*.yaml"), *ROOT.glob(".github/**/*.yml")]


def read(name):
    return (ROOT / name).read_text("utf-8")


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["version"] == skae.__version__
    assert citation["repository-code"] == BASE
    assert citation["license"] == PROJECT["license"]


def test_the_changelog_begins_with_this_version():
    first = re.search(r"^## \[(\d[^]]*)\]", read("CHANGELOG.md"), re.MULTILINE)
    assert first[1] == skae.__version__


@pytest.mark.parametrize("name", ["Homepage", "Source", "Issues", "Changelog"])
def test_an_address_of_the_project_is_in_the_repository(name):
    assert PROJECT["urls"][name].startswith(BASE)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_to_the_repository_have_one_base(path):
    for address in re.findall(r"https://github\.com/[\w./-]*skae[\w./-]*", path.read_text("utf-8")):
        assert address.startswith(BASE)


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: path.name)
def test_settings_are_readable_and_name_scripts_that_exist(path):
    text = path.read_text("utf-8")
    assert yaml.safe_load(text)
    for script in re.findall(r"\.ci/\w+", text):
        assert (ROOT / script).is_file()


def test_the_suite_runs_on_every_python_that_is_classified():
    classified = {c.rpartition(" ")[2] for c in PROJECT["classifiers"] if ":: 3." in c}
    assert set(re.findall(r'"(3\.\d+)"', read(".github/workflows/tests.yml"))) == classified


def test_the_oldest_versions_are_those_that_are_allowed():
    """`.ci/oldest` installs the lower bound of every dependency."""
    bounds = dict(re.findall(r'^ {4}"([\w-]+)>=([\d.]+)"', read("pyproject.toml"), re.MULTILINE))
    tried = dict(re.findall(r"([\w-]+)(?:\[.*?\]')?==([\d.]+)", read(".ci/oldest")))
    for name in ("numpy", "scikeras", "scikit-learn", "scipy", "tensorflow", "keras"):
        assert f"{tried[name]}.".startswith(f"{bounds[name]}.")
