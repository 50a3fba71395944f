"""What the evidences on single frames share: captions, ways to sample, and what came of them."""
