"""Which faces a score is of, which were left out, and how sure the network is where it should abstain."""
