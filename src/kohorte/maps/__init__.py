"""Self-organizing maps: lattices, training, winners, U-matrix, clusters of nodes and quality."""
