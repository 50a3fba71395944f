"""What is asked for: layers of settings become one typed, checked configuration of a clip."""
