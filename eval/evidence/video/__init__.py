"""Table 12's question on the embedded video models: plan, sampling, and what is told of it."""
