"""Scoring clips, and comparing runs honestly."""
