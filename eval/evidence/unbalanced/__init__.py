"""Image models trained from nothing on pictures of which one shape is rare, and their classes."""
