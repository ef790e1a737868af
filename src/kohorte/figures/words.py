"""What the parameters of maps are called in figures."""

PARAMETER_WORDS = {
    "xdim": "lattice columns",
    "ydim": "lattice rows",
    "ratio": "ratio of the sides",
    "nodes": "number of nodes",
    "topology": "topology",
    "periodic": "periodic lattice",
    "trainer": "trainer",
    "steps": "training steps",
    "epochs": "epochs",
    "fine_epochs": "fine epochs",
    "batch_size": "points of a batch",
    "alpha": "learning rate",
    "final_alpha": "final learning rate",
    "learning_rate": "curve of the learning rate",
    "radius": "radius",
    "final_radius": "final radius",
    "radius_schedule": "curve of the radius",
    "kernel": "kernel",
    "kernel_distance": "distance of the kernel",
    "order": "order of the points",
    "initial": "initial weights",
    "metric": "metric",
    "backend": "backend",
    "patience": "patience",
    "tolerance": "tolerance",
    "row_share": "share of the points",
    "row_limit": "largest number of points",
    "row_draw": "draw of the points",
    "feature_share": "share of the features",
    "method": "segmentation",
    "smoothing": "smoothing",
    "merge": "merging threshold",
    "clusters": "clusters asked for",
    "fineness": "fineness",
    "scaling": "scaling",
    "transform": "transform",
    "features": "features",
    "repeat": "repeat",
    "seed": "seed",
}
"""Parameter of a realization -> what axes and legends call it."""


def parameter_word(name: str) -> str:
    """Return what a figure calls a parameter: its words, or its name with spaces."""
    return PARAMETER_WORDS.get(name, name.replace("_", " "))


def parameter_title(name: str) -> str:
    """Return the words of a parameter as an axis begins with them."""
    text = parameter_word(name)
    return text[:1].upper() + text[1:]
