"""Native API of `kriss.spline`."""
