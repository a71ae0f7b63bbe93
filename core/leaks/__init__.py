"""Near-duplicate faces across splits: hashes, pairs, and scores without them."""
