"""Frames become a clip's files, each there whole or not at all."""
