"""Sessions for work on a checkout: `nox -l`. Continuous integration runs .ci/run instead."""

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.default_venv_backend = "venv"
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


@nox.session(python=PYTHONS)
def tests(session):
    """The suite on the compiled kernels."""
    session.install(".[test]")
    session.run("pytest", *session.posargs, env={"KRISS_BACKEND": "compiled"})


@nox.session
def numba(session):
    """The suite on the Numba kernels, from a pure-Python installation."""
    session.install(".[test]", env={"KRISS_PURE": "1"})
    session.run("pytest", *session.posargs, env={"KRISS_BACKEND": "numba"})


@nox.session
def lint(session):
    """Linter, formatter and types."""
    session.install("ruff>=0.9", "mypy>=1.15", "numpy", "scipy")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session
def cpp(session):
    """C++ unit tests with warnings as errors, or under a sanitizer: nox -s cpp -- asan."""
    preset = session.posargs[0] if session.posargs else "dev"
    session.install("cmake>=3.26", "ninja")
    session.run("cmake", "--preset", preset, "-DKRISS_PYTHON=OFF", "-B", f"build/{preset}-cpp")
    session.run("cmake", "--build", f"build/{preset}-cpp")
    session.run("ctest", "--test-dir", f"build/{preset}-cpp/cpp/tests", "--output-on-failure", "--no-tests=error")


@nox.session
def docs(session):
    """The documentation, and every piece of code in it."""
    session.install(".[docs,test]")
    session.run("python", "-m", "sphinx", "-W", "-b", "html", "docs", "docs/_build/html")
    session.run("python", "-m", "sphinx", "-W", "-b", "doctest", "docs", "docs/_build/doctest")


@nox.session
def bench(session):
    """Benchmarks: nox -s bench -- spline --quick."""
    session.install(".[bench]")
    session.run("python", "-m", "benchmarks", *session.posargs)
