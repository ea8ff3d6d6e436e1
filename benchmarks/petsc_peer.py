"""PETSc as a peer: two MPI ranks of Debian's ``python3-petsc4py``, which wait in a read while others are timed.

PETSc works in processes, not threads, and Debian builds it against another NumPy; so it runs beside the benchmark,
under ``mpiexec``. Its matrix and right-hand side are in PETSc's own distributed format before timing begins; a timed
call sends one line to both ranks and waits for the answer of the first (some 0.1 ms).
"""

from __future__ import annotations

import atexit
import glob
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

RANKS = 2
PYTHON = "/usr/bin/python3"

WORKER = """
import json, sys
import petsc4py
petsc4py.init([])
from petsc4py import PETSc
import numpy as np
here = sys.argv[1]
comm = PETSc.COMM_WORLD
rank = comm.rank
data = np.load(here + "/system.npz")
n = data["b"].size
A = PETSc.Mat().create(comm)
A.setSizes(((PETSc.DECIDE, n), (PETSc.DECIDE, n)))
A.setType("aij")
A.setUp()
first, last = A.getOwnershipRange()
indptr = data["indptr"].astype(PETSc.IntType)
part = slice(indptr[first], indptr[last])
A = PETSc.Mat().createAIJ(
    size=((last - first, n), (last - first, n)), comm=comm,
    csr=(indptr[first:last + 1] - indptr[first], data["indices"][part].astype(PETSc.IntType), data["data"][part]))
A.setOption(PETSc.Mat.Option.SYMMETRIC, True)
A.assemble()
b = A.createVecLeft()
b.setArray(data["b"][first:last])
x = b.duplicate()
r = b.duplicate()
options = PETSc.Options()
orders = open(here + "/orders%d" % rank)
answers = open(here + "/answers", "w") if rank == 0 else None
if rank == 0:
    print("ready", file=answers, flush=True)
for line in orders:
    order = json.loads(line)
    if order["do"] == "stop":
        break
    for name, value in order["options"].items():
        options[name] = value
    ksp = PETSc.KSP().create(comm)
    ksp.setOperators(A)
    ksp.setType("cg")
    norms = PETSc.KSP.NormType
    ksp.setNormType(norms.PRECONDITIONED if order["natural"] else norms.UNPRECONDITIONED)
    ksp.setTolerances(rtol=order["rtol"], atol=0.0, max_it=20000)
    ksp.setFromOptions()
    x.set(0.0)
    ksp.setUp()
    if order["do"] == "solve":
        ksp.solve(b, x)
    iterations = ksp.getIterationNumber()
    norm = -1.0
    if order["check"]:
        A.mult(x, r)
        r.axpy(-1.0, b)
        norm = r.norm() / b.norm()
    ksp.destroy()
    for name in order["options"]:
        options.delValue(name)
    if rank == 0:
        print(json.dumps({"iterations": iterations, "relative_residual": norm}), file=answers, flush=True)
"""


def _packages() -> str | None:
    found = sorted(glob.glob("/usr/lib/petscdir/*/*-real/lib/python3/dist-packages"))
    return found[-1] if found and shutil.which("mpiexec") and Path(PYTHON).exists() else None


def available() -> bool:
    """Whether Debian's PETSc and an mpiexec are installed."""
    return _packages() is not None


class Petsc:
    """One system A x = b held by PETSc.

    Parameters
    ----------
    A : sparse matrix, shape (n, n)
    b : ndarray, shape (n,)
    """

    def __init__(self, A: Any, b: np.ndarray) -> None:
        self._folder = tempfile.mkdtemp()
        csr = A.tocsr()
        np.savez(
            os.path.join(self._folder, "system.npz"), indptr=csr.indptr, indices=csr.indices, data=csr.data, b=b
        )  # fmt: skip
        Path(self._folder, "worker.py").write_text(WORKER)
        for name in (*(f"orders{k}" for k in range(RANKS)), "answers"):
            os.mkfifo(os.path.join(self._folder, name))
        env = os.environ | {
            "PYTHONPATH": str(_packages()), "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
        }  # fmt: skip
        self._process = subprocess.Popen(
            ["mpiexec", "-n", str(RANKS), PYTHON, os.path.join(self._folder, "worker.py"), self._folder],
            env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._orders = [open(os.path.join(self._folder, f"orders{k}"), "w") for k in range(RANKS)]  # noqa: SIM115
        self._answers = open(os.path.join(self._folder, "answers"))  # noqa: SIM115
        if self._answers.readline().strip() != "ready":
            raise RuntimeError("PETSc did not start")
        atexit.register(self.close)

    def run(self, options: dict[str, Any], *, rtol: float, solve: bool = True, check: bool = False) -> dict[str, Any]:
        """Set up, and unless told otherwise solve, with PETSc's `options`; iterations and, checked, the residual."""
        order = {"do": "solve" if solve else "setup", "options": options, "rtol": rtol, "check": check}
        order["natural"] = options.get("pc_type") == "eisenstat"
        for pipe in self._orders:
            print(json.dumps(order), file=pipe, flush=True)
        answer = self._answers.readline()
        if not answer:
            raise RuntimeError(f"PETSc stopped with {options}")
        return dict(json.loads(answer))

    def close(self) -> None:
        """End the ranks."""
        if self._process.poll() is None:
            for pipe in self._orders:
                print(json.dumps({"do": "stop"}), file=pipe, flush=True)
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
