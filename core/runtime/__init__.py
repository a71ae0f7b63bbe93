"""Infrastructure of the commands: console, environment, interruption, cache, files and executors."""
