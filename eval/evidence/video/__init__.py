"""The embedded video models: what the comparison and the search for settings share."""
