"""What commands run on: console, environment, interruption, cache, files, and where work is executed."""
