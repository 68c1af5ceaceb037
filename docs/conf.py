"""How Sphinx builds the guide.

Run: pip install -e ".[docs]" && python -m sphinx -W docs docs/_build. Every example of the guide
is executed, and what it returns, prints and draws is shown below it. An error, or a warning of
Sphinx, fails the build.
"""

import re

import skae

project = "skae"
author = "The skae developers"
copyright = f"2026, {author}"
version = release = skae.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
]
html_theme = "furo"
html_title = f"skae {version}"
exclude_patterns = ["_build"]
templates_path = ["_templates"]

nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
# What TensorFlow writes when it is loaded.
nb_output_stderr = "remove"
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False


def skip_requests(app, what, name, member, skip, options):
    """Leave out what scikit-learn adds to every estimator for metadata routing."""
    return skip or re.fullmatch(r"set_\w+_request", name) is not None


def setup(app):
    """Connect to autodoc."""
    app.connect("autodoc-skip-member", skip_requests)
