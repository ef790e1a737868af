"""Tables of features from any source, and their scaling."""
