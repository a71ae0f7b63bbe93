"""How well a run reads parts of its faces."""
