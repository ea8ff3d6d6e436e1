"""Native API of `kriss.solve`."""
