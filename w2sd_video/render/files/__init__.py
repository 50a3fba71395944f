"""Frames become a clip's files, each there whole or not at all."""

# Of all files that a clip may have. The last says whose they are.
KINDS = ("mp4", "gif", "webp", "png", "json")
