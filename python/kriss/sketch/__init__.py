"""Native API of `kriss.sketch`."""
