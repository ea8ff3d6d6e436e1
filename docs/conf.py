"""Configuration of the documentation: python -m sphinx -W -b html docs docs/_build."""

import kriss

project = "KRISS"
author = "The KRISS developers"
project_copyright = "2026, The KRISS developers"
version = release = kriss.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.mathjax",
    "numpydoc",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
default_role = "py:obj"
html_theme = "alabaster"
html_theme_options = {
    "description": "Kernel covariances, randomized regression, iterative solvers, splines",
    "fixed_sidebar": True,
    "page_width": "1100px",
}
html_show_sphinx = False

autodoc_typehints = "none"  # the docstrings say it, with shapes
autodoc_member_order = "bysource"
# Made by scikit-learn for its estimators, with links into its own documentation.
autodoc_default_options = {
    "exclude-members": "set_fit_request, set_partial_fit_request, set_predict_request, set_score_request"
}
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# Every page's code runs: python -m sphinx -W -b doctest docs docs/_build/doctest.
doctest_global_setup = """
import numpy as np
import scipy
import kriss
"""
doctest_test_doctest_blocks = "default"


def no_signature(app, what, name, obj, options, signature, return_annotation):  # noqa: D103
    # autodoc takes a ufunc for data, which have no signature, and fails on the one that numpydoc reads from the text.
    return (None, None) if what == "data" else None


def setup(app):  # noqa: D103
    app.connect("autodoc-process-signature", no_signature, priority=100)
