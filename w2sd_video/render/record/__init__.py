"""A run's folder: who holds it, its ledger, and which of its clips are there."""
