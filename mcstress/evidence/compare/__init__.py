"""Two sets of runs side by side: what changed, by how much, and what of it is proven."""
