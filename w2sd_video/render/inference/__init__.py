"""Models are loaded and run here, and nowhere else: jobs become frames."""
