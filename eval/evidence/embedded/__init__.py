"""What all studies on the embedded models stand on: sampling, its record, and what is ideal."""
