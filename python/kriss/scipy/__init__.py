"""Mirrors of SciPy routines under the same paths: `kriss.scipy.<path>` for `scipy.<path>`."""
