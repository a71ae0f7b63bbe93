"""Photos to faces to results."""
