"""What groups of grid cells are: their shares, their structures, and the threshold detector."""
