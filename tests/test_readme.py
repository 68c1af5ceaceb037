"""The README: names exist and commands are right; `test_guide` runs the examples."""

import inspect
import re
from pathlib import Path

import pytest

from skae import LSTMAutoencoder
from skae.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
NAMES = sorted(set(re.findall(r"`([^`]+)`", re.sub("```.*?```", "", README, flags=re.DOTALL))))
OTHERS = {
    "clone",
    "dask",
    "docs",
    "get_scorer",
    "joblib",
    "machine_temperature_system_failure",
    "make_scorer",
    "nyc_taxi",
    "readers",
    "vus_pr",
}
COMMANDS = re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL)


def test_it_is_read_in_a_minute():
    assert len(README.splitlines()) <= 100


def test_the_landing_runs_the_readme_command():
    assert COMMANDS[1].strip() in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [n for n in NAMES if re.fullmatch("[a-z_]+", n)])
def test_a_name_in_prose_is_that_of_a_parameter_or_a_member(name):
    described = re.findall(r"^(\w+) : ", inspect.getdoc(LSTMAutoencoder), flags=re.MULTILINE)
    assert name in {*described, *dir(LSTMAutoencoder), *OTHERS}


@pytest.mark.parametrize("argument", [n for n in NAMES if re.fullmatch(r"[a-z_]+=.+", n)])
def test_an_argument_in_prose_is_accepted(argument):
    LSTMAutoencoder(**eval(f"dict({argument})"))._validate_params()


@pytest.mark.parametrize("option", sorted(set(re.findall(r"--[a-z-]+", " ".join(NAMES)))))
def test_an_option_in_prose_is_one_of_the_command(option, capsys):
    with pytest.raises(SystemExit):
        main(["detect", "--help"])
    assert re.search(rf"{option}\b", capsys.readouterr().out)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\bbench_\w+\.py", README))))
def test_a_benchmark_in_prose_exists(name):
    assert (ROOT / "benchmarks" / name).is_file()


def test_pictures_exist():
    for name in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / name).stat().st_size < 300_000


RELIABILITY = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`((?:tests|benchmarks)/[^`]+)`", RELIABILITY)))
)
def test_a_test_that_holds_a_promise_is_there(name):
    path, _, test = name.partition("::")
    source = (ROOT / path).read_text(encoding="utf-8") if not path.endswith("/") else ""
    assert not test or re.search(rf"^def {test}\(", source, flags=re.MULTILINE)


def test_every_promise_names_a_test():
    promises = re.findall(r"^\| [A-Z].*", RELIABILITY, flags=re.MULTILINE)
    assert len(promises) == 13
    assert all("tests/test_" in promise for promise in promises)
