"""Two runs on the faces that both scored."""
