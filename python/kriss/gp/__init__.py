"""Native API of `kriss.gp`."""
