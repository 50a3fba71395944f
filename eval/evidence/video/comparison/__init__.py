"""Table 12's question: its claims, guidance from the development split, one look at the test."""
