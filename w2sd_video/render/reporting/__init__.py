"""What people are shown: progress, tables, the gallery."""
