"""``python -m kriss.train``."""

from kriss.train import main

if __name__ == "__main__":
    raise SystemExit(main())
