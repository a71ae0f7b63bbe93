"""Arrays in, numbers out. `truth` is (n,) label positions, `probabilities` (n, c), rows summing to 1."""
