"""Fields on a regular grid, and the features that tell structures of a plasma apart."""
