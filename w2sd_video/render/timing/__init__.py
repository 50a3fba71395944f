"""How long a run is going to take, from how long clips took before."""
