"""Training of the networks that come with this package: ``python -m kriss.train NAME --config FILE``.

It needs PyTorch, Numba and tqdm (``pip install "kriss[train]"``); nothing else in the package imports this.
"""

from __future__ import annotations

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``python -m kriss.train``; see ``--help``.

    Parameters
    ----------
    argv : list of str, optional
        Arguments; those of the process by default.

    Returns
    -------
    int
        0 if the model was written, 2 if a package is missing, the configuration is wrong, or the checkpoint is damaged
        or of another run.

    Raises
    ------
    SystemExit
        If the arguments cannot be parsed.

    Notes
    -----
    The time is that of the model, ``training_seconds`` in its card: 5 to 30 minutes on one core for ``multigrid``,
    ``multigrid3d``, ``graph``, ``stencil`` and ``spai``.

    References
    ----------
    See `kriss.solve.learned.LearnedMultigrid`, `kriss.solve.learned.GraphFactor`,
    `kriss.solve.learned.StencilFactor` and `kriss.solve.learned.LearnedSPAI`.

    Examples
    --------
    >>> from kriss.train import main
    >>> main(["multigrid", "--config", "nowhere.json"])
    nowhere.json cannot be read: there is no such file
    2
    """
    from kriss.train._command import run

    return run(argv)
