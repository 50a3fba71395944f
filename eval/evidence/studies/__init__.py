"""The evidences, a module each, with ``run(seed, quick) -> Result``."""
