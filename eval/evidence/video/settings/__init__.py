"""The best settings by kind of difference: the search for them, and what they are worth."""
