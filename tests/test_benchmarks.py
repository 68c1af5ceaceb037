"""The scripts in benchmarks/ use names that exist, and no private ones of objects."""

import ast
import importlib
import re
from pathlib import Path

import numpy as np
import pytest
from shared import SMALL

import skae

ROOT = Path(__file__).parents[1]
TREES = {
    path.stem: ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "benchmarks").glob("*.py"))
}
SCRIPTS = {f"{name}.py" for name in TREES if name.startswith("bench_")}


def faults(tree):
    """Yield names that a script takes from skae or its neighbours, and should not or cannot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (x.name for x in node.names if not can_import(node.module, x.name))
        elif isinstance(node, ast.Attribute):
            of_skae = isinstance(node.value, ast.Name) and node.value.id == "skae"
            if re.match("_[a-z]", node.attr) or (of_skae and node.attr not in skae.__all__):
                yield node.attr
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "LSTMAutoencoder":
            yield from {keyword.arg for keyword in node.keywords} - PARAMETERS - {None}


def can_import(module, name):
    if module == "skae":
        return name in skae.__all__
    if module in TREES:
        return name in defined(TREES[module]) and not name.startswith("_")
    is_ours = module.partition(".")[0] == "skae"
    return not is_ours or hasattr(importlib.import_module(module), name)


def defined(tree):
    """Return the names of the functions, classes and constants of a module."""
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    constants = [
        target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
    ]
    return names | {node.id for node in constants if isinstance(node, ast.Name)}


def parameters_of_init(source):
    """Return the parameters of the first `__init__`, read because an import loads TensorFlow."""
    nodes = ast.walk(ast.parse(source))
    init = next(node for node in nodes if getattr(node, "name", "") == "__init__")
    return {argument.arg for argument in (*init.args.args, *init.args.kwonlyargs)}


PARAMETERS = parameters_of_init((ROOT / "skae" / "_autoencoder.py").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", TREES)
def test_a_script_uses_names_that_exist(name):
    assert not list(faults(TREES[name]))


@pytest.mark.parametrize(
    "source",
    [
        "from skae import gone",
        "from skae._scoring.thresholds import gone",
        "from series import gone",
        "from series import _read",
        "skae.gone(detector)",
        "detector._calibrate(samples)",
        "LSTMAutoencoder(30, gone=1)",
    ],
)
def test_a_fault_is_found(source):
    assert len(list(faults(ast.parse(source)))) == 1


def test_the_readme_lists_the_scripts():
    readme = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"bench_\w+\.py", readme)) == SCRIPTS


def test_the_documentation_names_scripts_that_exist():
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.md"))
    assert set(re.findall(r"bench_\w+\.py", pages)) <= SCRIPTS


@pytest.mark.slow
def test_other_scores_and_thresholds_are_those_of_a_new_fit(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    rules = importlib.import_module("rules")
    rng = np.random.default_rng(0)
    train, test = (
        np.sin(np.arange(n) / 4)[:, None] + rng.normal(0, 0.2, (n, 1)) for n in (300, 200)
    )
    test[100:120] += 3

    def fit(**options):
        return skae.LSTMAutoencoder(10, **SMALL, **options).fit(train)

    first = fit()
    parts = rules.parts_of(first, train)
    other = rules.with_scores(first.detector_, parts, "scaled_rmse", "window")
    again = fit(error="scaled_rmse", aggregation="window", threshold="adaptive")
    np.testing.assert_array_equal(other.scores(other.read(test)), again.score_samples(test))
    (flagged,) = rules.flags(other, parts, test, [rules.policy_of("adaptive")])
    assert flagged.any()
    np.testing.assert_array_equal(flagged, again.predict(test) == -1)
