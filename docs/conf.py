"""How Sphinx builds the documentation.

Run: pip install -e ".[docs]" && python -m sphinx -W docs docs/_build. Every example of the guide
and the gallery is executed, and its output is shown below it. An error, or a warning of Sphinx,
fails the build. While writing, skip the execution with ``-D nb_execution_mode=off
-D plot_gallery=0``; with ``-D nb_execution_mode=cache`` only pages with changed code are executed.
"""

import inspect
import os
import re
import sys
import tomllib
import warnings
from pathlib import Path

from sphinx_gallery.sorting import ExplicitOrder

import skae

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
BASE = PROJECT["urls"]["Source"]

project = "skae"
author = "The skae developers"
copyright = f"2026, {author}"
version = release = skae.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.linkcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery/*.ipynb", "gallery/*.py", "gallery/*.py.md5"]
templates_path = ["_templates"]

# ------------------------------------------------------------------------------------- pages

html_theme = "furo"
html_title = "skae"
html_static_path = ["_static"]
html_css_files = ["skae.css"]
html_js_files = ["pictures.js"]
# Read the Docs sets the language and version in its addresses, and its own menu switches between
# the versions. Elsewhere the sidebar names the version that is shown.
html_baseurl = os.environ.get("READTHEDOCS_CANONICAL_URL", "")
html_context = {"READTHEDOCS": "READTHEDOCS" in os.environ}
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "versions.html",
        "sidebar/scroll-end.html",
    ]
}
html_theme_options = {
    "source_repository": BASE,
    "source_branch": "main",
    "source_directory": "docs/",
}

# ---------------------------------------------------------------------------- guide, gallery

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
# Lines that TensorFlow writes when it is loaded.
nb_output_stderr = "remove"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

EXAMPLES = [
    "plot_machine.py",
    "plot_holidays.py",
    "plot_heartbeats.py",
    "plot_fleet.py",
    "plot_gaps.py",
    "plot_stream.py",
    "plot_latent_map.py",
    "plot_labelled_search.py",
    "plot_optuna.py",
    "plot_own_network.py",
]
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "within_subsection_order": ExplicitOrder(EXAMPLES),
    "abort_on_example_error": True,
    "image_scrapers": ("matplotlib",),
    "matplotlib_animations": False,
    # Displays are drawn, so their text is not printed.
    "ignore_repr_types": r"skae|matplotlib",
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "doc_module": ("skae",),
    "backreferences_dir": None,
}
suppress_warnings = ["config.cache"]
warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")

# --------------------------------------------------------------------------------- reference

autosummary_generate = True
autodoc_typehints = "none"
# The contents column names methods without their class.
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False


def linkcode_resolve(domain, info):
    """Return the address of an object's source on GitHub."""
    if domain != "py" or not info["module"]:
        return None
    found = sys.modules.get(info["module"])
    for name in info["fullname"].split("."):
        found = getattr(found, name, None)
    try:
        source = inspect.unwrap(found)
        path = Path(inspect.getsourcefile(source)).relative_to(ROOT)
        lines, first = inspect.getsourcelines(source)
    except (TypeError, ValueError, OSError):  # a property, a constant, or from another package
        return None
    tag = "main" if "dev" in release else f"v{release}"
    return f"{BASE}/blob/{tag}/{path.as_posix()}#L{first}-L{first + len(lines) - 1}"


def skip_requests(app, what, name, member, skip, options):
    """Leave out the methods that scikit-learn adds to every estimator for metadata routing."""
    return skip or re.fullmatch(r"set_\w+_request", name) is not None


def hide_placeholder(app, what, name, obj, options, signature, returns):
    """Leave out the parameter that represents routed parameters of SciKeras."""
    return signature and signature.replace(", **optimizer__options", ""), returns


def setup(app):
    """Connect to autodoc."""
    app.connect("autodoc-skip-member", skip_requests)
    app.connect("autodoc-process-signature", hide_placeholder)
