"""A pytest plugin that runs SciPy's own tests against the KRISS mirrors.

::

    PYTHONPATH=tests/mirrors python -m pytest -p plugin --kriss-swap sparse.linalg.cg \
        --pyargs scipy.sparse.linalg._isolve.tests.test_iterative

The mirrors named by ``--kriss-swap`` replace SciPy's routines (through `kriss.use_in_scipy`) before any test module is
imported, and are taken out again at the end. Calls are counted per test, and so are the calls that a mirror handed
back to SciPy, so that a run in which nothing went through ours cannot look like a pass. ``--kriss-report FILE`` writes
all of it as JSON. ``--kriss-adapt`` rewrites arguments on their way in, so that more of SciPy's small problems reach
our kernels (a dense matrix becomes CSR, see `ADAPTERS`). Tests named in ``skips.toml``, each with its reason, are
skipped.
"""

import collections
import contextlib
import fnmatch
import functools
import importlib
import json
import logging
import tomllib
from pathlib import Path
from unittest import mock

import numpy as np
import pytest


def _dense_to_csr(mirror):
    """SciPy's tests of cg hold most matrices as dense arrays, which the mirror leaves to SciPy: hand it CSR.

    A dense identity as preconditioner becomes none, which is the same thing.
    """
    import numpy as np
    from scipy.sparse import csr_array

    @functools.wraps(mirror)
    def adapted(A, *args, **kwargs):
        if isinstance(A, np.ndarray) and A.ndim == 2 and A.dtype.kind == "f":
            A = csr_array(A)
            M = kwargs.get("M")
            if isinstance(M, np.ndarray) and M.shape == A.shape and np.array_equal(M, np.eye(len(M))):
                kwargs["M"] = None
        return mirror(A, *args, **kwargs)

    return adapted


def _stacked(mirror):
    """SciPy's tests of lstsq hold small systems, which the mirror leaves to SciPy: hand it an equal tall one.

    k copies of [a, b] below each other, scaled by 1/sqrt(k) with k a power of four, have the same solution, rank,
    singular values and residual norms, exactly. The size below which the mirror does not try is lifted, and the driver
    that returns what the default one returns is not passed on.
    """
    import numpy as np

    module = importlib.import_module(mirror.__module__)

    @functools.wraps(mirror)
    def adapted(a, b, *args, lapack_driver=None, **kwargs):
        left, right = np.asarray(a), np.asarray(b)
        usable = left.ndim == 2 and right.ndim in (1, 2) and left.size and right.size and len(left) == len(right)
        usable = usable and left.dtype.char in "fdFD" and right.dtype.char in "fdFD"
        usable = usable and left.shape[1] <= min(left.shape[0], 50)  # larger ones take long
        if not usable or lapack_driver not in (None, "gelsd", "gelss"):
            return mirror(a, b, *args, lapack_driver=lapack_driver, **kwargs)
        m, n = left.shape
        k = 1
        while k * m < max(8 * n, 512):
            k *= 4
        scale = np.float32(k**-0.5)  # a power of two, and no change of dtype
        kept, module.SMALL = module.SMALL, 0
        try:
            x, residues, rank, s = mirror(
                np.tile(left * scale, (k, 1)), np.concatenate([right * scale] * k), *args, **kwargs
            )
        finally:
            module.SMALL = kept
        if m == n:
            residues = np.asarray([], dtype=x.dtype)
        return x, residues, rank, s

    return adapted


def _any_size(mirror):
    """SciPy's tests of spilu have matrices of some forty rows, whose solves the mirror leaves to SciPy: take them."""
    module = importlib.import_module(mirror.__module__)

    @functools.wraps(mirror)
    def adapted(*args, **kwargs):
        kept, module.SMALL = module.SMALL, 0
        try:
            return mirror(*args, **kwargs)
        finally:
            module.SMALL = kept

    return adapted


def _repeated(mirror):
    """SciPy's tests of lsqr hold small square systems: hand over an equal tall one.

    k copies of [A, b] below each other, scaled by 1/sqrt(k) with k a power of four, have the same solution and norms.
    The size below which the mirror does not try is lifted, and it changes over after one step.
    """
    import numpy as np

    module = importlib.import_module(mirror.__module__)

    @functools.wraps(mirror)
    def adapted(A, b, *args, **kwargs):
        usable = isinstance(A, np.ndarray) and A.ndim == 2 and A.dtype == np.float64 and np.shape(b) == A.shape[:1]
        if not usable:
            return mirror(A, b, *args, **kwargs)
        with mock.patch.multiple(module, SMALL=0, SHORTEST=0, SKETCH_ENTRY=0, FACTOR=0):
            return mirror(np.tile(A * 0.25, (16, 1)), np.tile(np.asarray(b) * 0.25, 16), *args, **kwargs)

    return adapted


KRYLOV = tuple(f"sparse.linalg.{name}" for name in ("bicgstab", "cg", "gcrotmk", "gmres", "minres"))
ADAPTERS = {
    "linalg.lstsq": _stacked,
    "sparse.linalg.lsqr": _repeated,
    "sparse.linalg.spilu": _any_size,
    **dict.fromkeys(KRYLOV, _dense_to_csr),
}
SKIPS = Path(__file__).with_name("skips.toml")


def pytest_addoption(parser):
    group = parser.getgroup("kriss")
    group.addoption("--kriss-swap", action="append", default=[], help="mirror to swap in, e.g. linalg.lstsq")
    group.addoption("--kriss-adapt", action="store_true", help="let more problems reach our kernels (ADAPTERS)")
    group.addoption("--kriss-report", default=None, help="write what ran through the mirrors to this JSON file")


def pytest_configure(config):
    # Some of SciPy's modules draw their systems from NumPy's global generator as they are imported, and hold tolerances
    # that only some draws meet (scipy/scipy#15301): the same systems in every run.
    np.random.seed(1234)
    # SciPy's conftest uses this mark while it is imported and registers it only after that.
    config.addinivalue_line("markers", "array_api_backends: test iterates on all array API backends")
    plugin = _Swap(config.getoption("--kriss-swap"), config.getoption("--kriss-report"))
    plugin.adapt = config.getoption("--kriss-adapt")
    config.pluginmanager.register(plugin, "kriss-swap")
    config.add_cleanup(plugin.restore)
    plugin.swap_in()


class _Delegations(logging.Handler):
    """Hears every call that a mirror hands to SciPy."""

    def __init__(self, count):
        super().__init__(logging.INFO)
        self._count = count

    def emit(self, record):
        self._count(str(record.args[1]) if len(record.args) > 1 else record.getMessage())


class _Swap:
    def __init__(self, names, report):
        self.names = names
        self.report = report
        self.adapt = False
        self.stack = contextlib.ExitStack()
        self.current = "<collection>"
        self.calls = collections.Counter()
        self.delegated = collections.Counter()
        self.reasons = collections.Counter()
        self.outcomes = {}
        self.skipped = {}
        self.stale = []

    def swap_in(self):
        import kriss

        for name in self.names:
            self._count_calls(name)
        self.stack.enter_context(kriss.use_in_scipy(*self.names))
        logger = logging.getLogger("kriss.dispatch")
        handler = _Delegations(self._delegation)
        level = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        self.stack.callback(logger.setLevel, level)
        self.stack.callback(logger.removeHandler, handler)

    def restore(self):
        self.stack.close()

    def _called(self):
        self.calls[self.current] += 1

    def _delegation(self, reason):
        self.delegated[self.current] += 1
        self.reasons[reason] += 1

    def _count_calls(self, name):
        path, attribute = name.rsplit(".", 1)
        home = importlib.import_module(f"kriss.scipy.{path}")
        mirror = getattr(home, attribute)
        original = getattr(importlib.import_module(f"scipy.{path}"), attribute)
        # What SciPy's tests know of a routine's array-API support is looked up by the object itself.
        from scipy._lib import _array_api

        table = getattr(_array_api, "xp_capabilities_table", {})
        if isinstance(mirror, type):
            counted = mirror
            for method in ("__init__", "__call__"):
                self._wrap_method(mirror, method)
        else:
            call = ADAPTERS[name](mirror) if self.adapt and name in ADAPTERS else mirror

            @functools.wraps(mirror)
            def counted(*args, **kwargs):
                self._called()
                return call(*args, **kwargs)

            setattr(home, attribute, counted)
            self.stack.callback(setattr, home, attribute, mirror)
        if original in table and counted not in table:
            table[counted] = table[original]
            self.stack.callback(table.pop, counted, None)

    def _wrap_method(self, cls, method):
        original = getattr(cls, method)
        own = method in vars(cls)

        @functools.wraps(original)
        def counted(instance, *args, **kwargs):
            self._called()
            return original(instance, *args, **kwargs)

        setattr(cls, method, counted)
        if own:
            self.stack.callback(setattr, cls, method, original)
        else:
            self.stack.callback(delattr, cls, method)

    def pytest_collection_modifyitems(self, items):
        listed = [one for one in tomllib.loads(SKIPS.read_text()).get("skip", []) if one["mirror"] in self.names]
        for one in listed:
            matching = [item for item in items if fnmatch.fnmatchcase(item.nodeid, f"*{one['test']}")]
            if not matching:
                self.stale.append(one["test"])
            for item in matching:
                item.add_marker(pytest.mark.skip(reason=f"kriss: {one['reason']}"))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        self.current = item.nodeid
        try:
            return (yield)
        finally:
            self.current = "<between tests>"

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            outcome = report.outcome
            if hasattr(report, "wasxfail"):
                outcome = "xfailed" if report.skipped else "xpassed"
            self.outcomes[report.nodeid] = outcome
            if outcome == "skipped":
                self.skipped[report.nodeid] = report.longrepr[2]

    def pytest_sessionfinish(self):
        if self.report is None:
            return
        through = {test: count for test, count in self.calls.items() if not test.startswith("<")}
        passed_through = [test for test in through if self.outcomes.get(test) == "passed"]
        summary = {
            "mirrors": self.names,
            "outcomes": collections.Counter(self.outcomes.values()),
            "not_passed": {test: outcome for test, outcome in self.outcomes.items() if outcome == "failed"},
            "calls": sum(through.values()),
            "delegated": sum(count for test, count in self.delegated.items() if not test.startswith("<")),
            "delegation_reasons": dict(self.reasons.most_common()),
            "passed_through_ours": len(passed_through),
            "passed_on_our_kernels": sum(1 for test in passed_through if through[test] > self.delegated[test]),
            "tests_through_ours": sorted(through),
            "skipped": self.skipped,
            "stale_skips": self.stale,
        }
        Path(self.report).write_text(json.dumps(summary, indent=1))
