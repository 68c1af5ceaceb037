"""The house of docs/architecture.md: who imports whom, what stays unloaded, what is left alone."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import skae

PACKAGE = Path(skae.__file__).parent
ARCHITECTURE = PACKAGE.parent / "docs" / "architecture.md"
TOUCH_ALL = "import skae; [getattr(skae, name) for name in skae.__all__]"
HEAVY = {"tensorflow", "keras", "scikeras", "sklearn", "matplotlib", "pandas"}


def name_of(path):
    """Return the dotted name of a file of the package; a folder's `__init__` is the folder."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {name_of(p): p.read_text(encoding="utf-8") for p in sorted(PACKAGE.rglob("*.py"))}
WINGS = sorted(p.parent.name for p in PACKAGE.glob("*/__init__.py"))


def imports(source, rooms=frozenset(SOURCES)):
    """Return the skae modules that a source imports, at the top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "write imports in full"
            within = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = within & rooms
            found |= modules | ({node.module} if within - modules else set())
    return {name for name in found if name.partition(".")[0] == "skae"}


def wing(name):
    """Return the wing a module stands in; a face, at the top of the package, is by itself."""
    return name.split(".")[1] if name.count(".") else "__init__"


def arrows(sources, place):
    """Return {place: places that it imports}, for places such as modules or wings."""
    drawn = {place(name): set() for name in sources}
    for name, source in sources.items():
        drawn[place(name)] |= {place(other) for other in imports(source)} - {place(name)}
    return drawn


def floors(drawn):
    """Return {place: number of its floor}: one above the highest that it imports."""
    found = {}
    while len(found) < len(drawn):
        ready = [p for p in drawn if p not in found and drawn[p] <= found.keys()]
        if not ready:
            raise ValueError(f"a circle among {sorted(drawn.keys() - found.keys())}")
        found |= {p: 1 + max((found[q] for q in drawn[p]), default=-1) for p in ready}
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


# ------------------------------------------------------------------------ floors


def test_no_wing_stands_on_itself():
    floors(arrows(SOURCES, wing))


@pytest.mark.parametrize("name", WINGS)
def test_no_room_stands_on_itself(name):
    rooms = {room: source for room, source in SOURCES.items() if wing(room) == name}
    floors({room: arrows(rooms, str)[room] & rooms.keys() for room in rooms})


@pytest.mark.parametrize("name", sorted(set(WINGS) - {"_command"}))
def test_a_wing_knows_no_face(name):
    """The command line alone stands on what every user imports."""
    assert arrows(SOURCES, wing)[name] <= set(WINGS)


def rooms_of_the_picture():
    """Yield (floor, wing, rooms) of each line of the table in docs/architecture.md."""
    wing_now = ""
    for line in ARCHITECTURE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip(" `") for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 4 and cells[0] != "floor":
            wing_now = cells[1] or wing_now
            yield cells[0], wing_now, re.findall(r"\w+\.py", cells[2])


def test_the_picture_shows_every_room():
    lines = list(rooms_of_the_picture())
    shown = {f"{w}/{room}".removeprefix("faces/") for _, w, rooms in lines for room in rooms}
    files = {p.relative_to(PACKAGE).as_posix() for p in PACKAGE.rglob("*.py")}
    assert shown == {name for name in files if not name.endswith(("__init__.py", "__main__.py"))}


def wing_or_face(name):
    """Return the wing a module stands in, or "faces", on which only the command line stands."""
    place = wing(name)
    return place if place in {*WINGS, "cli", "__main__"} else "faces"


def test_the_picture_shows_every_wing_on_its_floor():
    shown = {w: int(floor) for floor, w, _ in rooms_of_the_picture() if floor.isdecimal()}
    found = floors(arrows(SOURCES, wing_or_face))
    assert shown == {place: found[place] for place in {*WINGS, "faces"}}


def test_a_circle_is_found():
    sources = {"skae._a.one": "import skae._b.two", "skae._b.two": "from skae._a.one import x"}
    with pytest.raises(ValueError, match=r"circle among \['_a', '_b'\]"):
        floors(arrows(sources, wing))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from skae._autoencoder import LSTMAutoencoder", "skae._autoencoder"),
        ("import skae._autoencoder", "skae._autoencoder"),
        ("from skae import _autoencoder", "skae._autoencoder"),
        ("from skae import LSTMAutoencoder", "skae"),
        ("def f():\n    from skae._sequences.samples import RowSamples", "skae._sequences.samples"),
        ("from skae._sequences import samples", "skae._sequences.samples"),
    ],
)
def test_an_arrow_is_found(source, found):
    assert imports(source) == {found}


@pytest.mark.parametrize(
    "module", [m for m in SOURCES if wing(m) in {"_sequences", "_scoring", "_command", "metrics"}]
)
def test_the_numpy_half_imports_no_keras(module):
    packages = imported_packages(SOURCES[module])
    assert not packages & {"tensorflow", "keras", "scikeras"}
    assert wing(module) == "_command" or not any(
        "_compat.keras" in n for n in imports(SOURCES[module])
    )


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


@pytest.mark.slow
def test_that_the_check_of_imports_can_fail():
    assert {"tensorflow", "keras", "sklearn"} <= loaded_after(TOUCH_ALL)


def test_the_windower_needs_no_tensorflow():
    assert not loaded_after("import skae; skae.SequenceWindower") & {"tensorflow", "keras"}


# ------------------------------------------------------------------------ public names


def test_dir_lists_the_public_names():
    assert dir(skae) == sorted(skae.__all__)


def test_public_names_are_the_lazy_ones_and_the_version():
    assert set(skae.__all__) == {*skae._HOME, *skae._MODULES, "__version__"}


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
# The command run as a process of its own may set its own environment.
MAY_SET_ENVIRONMENT = {"skae.__main__"}


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
