"""`make bench`: how fast the PC is, as ratios to the peers that are installed, measured in one run."""
