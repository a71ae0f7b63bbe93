"""Which labels are likely wrong, what a reader decides about them, and training with the decisions."""
