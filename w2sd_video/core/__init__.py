"""The method, shared by video and image; imports nothing else of this package."""
