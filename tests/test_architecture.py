"""docs/architecture.md as a test: imports, lazy loading, and untouched global state."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import skae

ROOT = Path(skae.__file__).parent
ARCHITECTURE = ROOT.parent / "docs" / "architecture.md"
TOUCH_ALL = "import skae; [getattr(skae, name) for name in skae.__all__]"
HEAVY = {"tensorflow", "keras", "scikeras", "sklearn", "matplotlib", "pandas"}


def name_of(path):
    """Return the dotted name of a file of skae; an `__init__` has the name of its package."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {name_of(p): p.read_text(encoding="utf-8") for p in sorted(ROOT.rglob("*.py"))}
PACKAGES = sorted(p.parent.name for p in ROOT.glob("*/__init__.py"))


def imports(source, modules=frozenset(SOURCES)):
    """Return the skae modules that a source imports, at the top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "write imports in full"
            within = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = within & modules
            found |= submodules | ({node.module} if within - submodules else set())
    return {name for name in found if name.partition(".")[0] == "skae"}


def package(name):
    """Return the package of a module, or the module itself at the top."""
    return name.split(".")[1] if name.count(".") else "__init__"


def import_graph(sources, place):
    """Return {place: places that it imports}, for places such as modules or packages."""
    graph = {place(name): set() for name in sources}
    for name, source in sources.items():
        graph[place(name)] |= {place(other) for other in imports(source)} - {place(name)}
    return graph


def import_order(graph):
    """Return the places, each after the places that it imports."""
    found = []
    while len(found) < len(graph):
        ready = [p for p in graph if p not in found and graph[p] <= set(found)]
        if not ready:
            raise ValueError(f"a circle among {sorted(graph.keys() - set(found))}")
        found += ready
    return found


def imported_packages(source):
    """Return the top names of every import."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module.partition(".")[0])
    return found


# ------------------------------------------------------------------------ layers


def test_no_package_imports_itself_by_way_of_others():
    import_order(import_graph(SOURCES, package))


@pytest.mark.parametrize("name", PACKAGES)
def test_no_module_imports_itself_by_way_of_others(name):
    inside = {module: source for module, source in SOURCES.items() if package(module) == name}
    graph = import_graph(inside, str)
    import_order({module: graph[module] & inside.keys() for module in inside})


@pytest.mark.parametrize("name", sorted(set(PACKAGES) - {"_cli"}))
@pytest.mark.slow
def test_a_private_package_imports_no_public_module(name):
    """Only the command line is built on public names."""
    assert import_graph(SOURCES, package)[name] <= set(PACKAGES) | {"_detector", "_files"}


def test_nothing_is_imported_by_its_name_as_a_string():
    """An import inside a function would hide a cycle from the tests above."""
    dynamic = {name for name, source in SOURCES.items() if "import_module(" in source}
    assert dynamic <= {"skae", "skae._persistence.classes"}


def test_architecture_names_every_package_and_top_module():
    text = ARCHITECTURE.read_text(encoding="utf-8")
    top = {p.name for p in ROOT.glob("*.py")} - {"__init__.py", "__main__.py"}
    missing = [name for name in [*PACKAGES, *top] if name not in text]
    assert not missing


def test_a_circle_is_found():
    sources = {"skae._a.one": "import skae._b.two", "skae._b.two": "from skae._a.one import x"}
    with pytest.raises(ValueError, match=r"circle among \['_a', '_b'\]"):
        import_order(import_graph(sources, package))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from skae._autoencoder import LSTMAutoencoder", "skae._autoencoder"),
        ("import skae._autoencoder", "skae._autoencoder"),
        ("from skae import _autoencoder", "skae._autoencoder"),
        ("from skae import LSTMAutoencoder", "skae"),
        ("def f():\n    from skae._windows.samples import RowSamples", "skae._windows.samples"),
        ("from skae._windows import samples", "skae._windows.samples"),
    ],
)
def test_an_import_is_found(source, found):
    assert imports(source) == {found}


def test_numpy_packages_import_no_keras():
    numpy_only = {"_input", "_windows", "_scoring", "_output", "_cli", "metrics"}
    for module, source in SOURCES.items():
        if package(module) in numpy_only:
            assert not imported_packages(source) & {"tensorflow", "keras", "scikeras"}, module


# ------------------------------------------------------------------------ laziness


@cache
def loaded_after(code):
    """Return the heavy packages that a fresh process has loaded after `code`."""
    report = f"import sys; print(*({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"],
        cwd=ROOT.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_import_loads_nothing_heavy():
    assert loaded_after("import skae; dir(skae)") == set()


@pytest.mark.nightly
@pytest.mark.slow
def test_that_the_check_of_imports_can_fail():
    assert {"tensorflow", "keras", "sklearn"} <= loaded_after(TOUCH_ALL)


@pytest.mark.slow
def test_the_windower_needs_no_tensorflow():
    assert not loaded_after("import skae; skae.SequenceWindower") & {"tensorflow", "keras"}


# ------------------------------------------------------------------------ public names


def test_dir_lists_the_public_names():
    assert dir(skae) == sorted(skae.__all__)


def test_public_names_are_the_lazy_ones_and_the_version():
    assert set(skae.__all__) == {*skae._HOME, *skae._MODULES, "__version__"}


@pytest.mark.nightly
@pytest.mark.slow
def test_without_dask_everything_else_is_there():
    loaded_after(
        "import sys; sys.modules['dask'] = None; import inspect, skae; from skae import *; "
        "assert 'LSTMAutoencoder' in dict(inspect.getmembers(skae)) and 'dask' not in dir(skae)"
    )


@pytest.mark.nightly
@pytest.mark.slow
def test_every_public_name_resolves():
    loaded_after(TOUCH_ALL)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'skae' has no attribute 'Nothing'"):
        _ = skae.Nothing


# ------------------------------------------------------------------------ what is left alone

MACHINE_PATH = re.compile(r"(?<![\w./])/(home|root|tmp|usr|opt|var|mnt|work|Users)/|\b[A-Z]:\\")
GLOBAL_SEED = re.compile(
    r"\b(np|numpy)\.random\.seed\(|\bset_random_seed\b|\brandom\.set_seed\b"
    r"|\benable_op_determinism\b"
)
ENVIRONMENT = re.compile(
    r"\benviron\[[^\]]*\]\s*=[^=]|\benviron\.(setdefault|update|pop)\(|\bputenv\(|\bdel os\.environ"
)
# The command, as a separate process, may set its environment.
MAY_SET_ENVIRONMENT = {"skae.__main__"}


def modules_with(pattern):
    """Return the modules that contain a pattern."""
    return {module for module, source in SOURCES.items() if re.search(pattern, source)}


def test_no_source_names_a_path_of_a_machine():
    assert not modules_with(MACHINE_PATH)


def test_no_source_seeds_the_process():
    assert not modules_with(GLOBAL_SEED)


def test_who_seeds_pythons_random_puts_its_state_back():
    seeding = modules_with(r"(?<!\.)\brandom\.seed\(")
    assert seeding <= modules_with(r"random\.setstate\(")


def test_no_source_sets_the_environment():
    assert modules_with(ENVIRONMENT) <= MAY_SET_ENVIRONMENT


@pytest.mark.parametrize(
    ("pattern", "guilty"),
    [
        (MACHINE_PATH, 'open("/home/me/rows.csv")'),
        (MACHINE_PATH, r'open("C:\rows.csv")'),
        (GLOBAL_SEED, "np.random.seed(0)"),
        (GLOBAL_SEED, "keras.utils.set_random_seed(0)"),
        (GLOBAL_SEED, "tf.random.set_seed(0)"),
        (GLOBAL_SEED, "tf.config.experimental.enable_op_determinism()"),
        (ENVIRONMENT, 'os.environ["A"] = "1"'),
        (ENVIRONMENT, 'environ.setdefault("A", "1")'),
        (ENVIRONMENT, 'os.putenv("A", "1")'),
    ],
)
def test_what_is_guilty_is_found(pattern, guilty):
    assert pattern.search(guilty)


@pytest.mark.parametrize(
    ("pattern", "innocent"),
    [
        (MACHINE_PATH, "https://example.org/home/page"),
        (GLOBAL_SEED, "keras.random.SeedGenerator(seed)"),
        (ENVIRONMENT, 'os.environ["A"] == "1" or os.environ.get("B")'),
    ],
)
def test_what_is_innocent_is_not(pattern, innocent):
    assert not pattern.search(innocent)
