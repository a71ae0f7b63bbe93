"""Whether probabilities can be taken at their word: the temperature, before and after."""
