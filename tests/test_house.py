"""The house of DESIGN.md: who may import whom, what stays unloaded, what is left alone."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import skae

PACKAGE = Path(skae.__file__).parent
SOURCES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.glob("*.py"))}

# A module may import from lower floors only.
FLOORS = [
    {
        "_validation",
        "_sequences",
        "_scoring",
        "_learning_rate",
        "_stopping",
        "_layers",
        "_lstm",
        "_losses",
        "_seeds",
        "_garbage",
        "datasets",
        "metrics",
    },
    {"_steps", "_measures", "_windows", "_networks", "_displays", "_csv", "layers"},
    {"_persistence", "_samples", "_programs", "_windower", "_wrapper"},
    {"_reading", "_training", "_inference"},
    {"_fitting"},
    {"_autoencoder"},
    {"model_selection", "distributed"},
    {"__init__"},
    {"_detect"},
    {"_report"},
    {"cli"},
    {"__main__"},
]
FLOOR_OF = {module: number for number, floor in enumerate(FLOORS) for module in floor}
WITHOUT_KERAS = [
    *(
        "_validation",
        "_sequences",
        "_scoring",
        "_measures",
        "_windows",
        "_windower",
        "_samples",
        "_reading",
    ),
    *("_displays", "_csv", "_detect", "_report", "datasets", "metrics", "model_selection"),
]
TOUCH_ALL = "import skae; [getattr(skae, name) for name in skae.__all__]"
HEAVY = {"tensorflow", "keras", "scikeras", "sklearn", "matplotlib", "pandas"}


def imports(source):
    """Return the skae modules that a source imports, at the top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {_module(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = f"skae.{node.module or ''}".rstrip(".") if node.level else node.module
            names = [alias.name for alias in node.names]
            found |= {_module(f"skae.{n}") for n in names} if base == "skae" else {_module(base)}
    return found - {None}


def _module(dotted):
    """Return the skae module that a dotted name lives in; a public name is in `__init__`."""
    top, _, rest = dotted.partition(".")
    name = rest.partition(".")[0]
    if top != "skae":
        return None
    return name if name in FLOOR_OF else "__init__"


def arrows_up(module, source):
    """Return the modules that `module` imports though they are not on a lower floor."""
    # `from skae import datasets` is how __init__ names its modules: itself is no arrow.
    others = imports(source) - {module}
    return {other for other in others if FLOOR_OF[other] >= FLOOR_OF[module]}


def imported_packages(source):
    """Return the top names of every absolute import."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition(".")[0])
    return found


# ------------------------------------------------------------------------ floors


@pytest.mark.parametrize("module", SOURCES)
def test_arrows_point_down(module):
    assert module in FLOOR_OF, f"give {module} a floor"
    assert not arrows_up(module, SOURCES[module])


@pytest.mark.parametrize(
    "source",
    [
        "from skae._autoencoder import LSTMAutoencoder",
        "import skae._autoencoder",
        "from ._autoencoder import LSTMAutoencoder",
        "from . import _autoencoder",
        "from skae import _autoencoder",
        "from skae import LSTMAutoencoder",
        "def f():\n    from ._samples import RowSamples",
        "from skae._networks import build_autoencoder",
    ],
)
def test_an_arrow_that_points_up_is_found(source):
    assert arrows_up("_windows", source)


@pytest.mark.parametrize("module", sorted(SOURCES.keys() & set(WITHOUT_KERAS)))
def test_the_numpy_half_imports_no_keras(module):
    assert not imported_packages(SOURCES[module]) & {"tensorflow", "keras", "scikeras"}


# ------------------------------------------------------------------------ laziness


@cache
def loaded_after(code):
    """Return the heavy packages that a fresh process has loaded after `code`."""
    report = f"import sys; print(*({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_import_loads_nothing_heavy():
    assert loaded_after("import skae; dir(skae)") == set()


def test_that_the_check_of_imports_can_fail():
    assert {"tensorflow", "keras", "sklearn"} <= loaded_after(TOUCH_ALL)


def test_the_windower_needs_no_tensorflow():
    assert not loaded_after("import skae; skae.SequenceWindower") & {"tensorflow", "keras"}


# ------------------------------------------------------------------------ public names


def test_dir_lists_the_public_names():
    assert dir(skae) == sorted(skae.__all__)


def test_public_names_are_the_lazy_ones_and_the_version():
    assert set(skae.__all__) == {*skae._HOME, *skae._MODULES, "__version__"}


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
# The command run as a process of its own may set its own environment.
MAY_SET_ENVIRONMENT = {"__main__"}


@pytest.mark.parametrize("module", SOURCES)
def test_no_source_names_a_path_of_a_machine(module):
    assert not MACHINE_PATH.search(SOURCES[module])


@pytest.mark.parametrize("module", SOURCES)
def test_no_source_seeds_the_process(module):
    assert not GLOBAL_SEED.search(SOURCES[module])


@pytest.mark.parametrize("module", SOURCES)
def test_who_seeds_pythons_random_puts_its_state_back(module):
    seeds = re.search(r"(?<!\.)\brandom\.seed\(", SOURCES[module])
    assert not seeds or "random.setstate(" in SOURCES[module]


@pytest.mark.parametrize("module", sorted(SOURCES.keys() - MAY_SET_ENVIRONMENT))
def test_no_source_sets_the_environment(module):
    assert not ENVIRONMENT.search(SOURCES[module])


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
