"""Benchmarks of KRISS against its peers in the same run: `python -m benchmarks` from a checkout."""
