"""Configurations as the workflow plans them, with the studies of kohorte, and tables from them."""

import numpy as np

from kohorte import store
from kohorte.data.prepared import prepare_data
from kohorte.studies import load_modules
from kohorte.study.config import check_config
from kohorte.study.modules import prepare_config
from kohorte.study.plan import plan_study


def prepare(config, schema):
    """What the workflow makes of a configuration."""
    return prepare_config(check_config(config, schema), load_modules())


def plan_config(config, schema):
    """The study of a configuration."""
    return plan_study(prepare(config, schema), load_modules())


def section_of(schema, name, **changes):
    """A section of the configuration: its defaults, and some changes."""
    entries = schema["properties"][name]["properties"]
    return {key: entry["default"] for key, entry in entries.items()} | changes


def write_data(path, schema, **data):
    """Prepare the table of a section `data` as the workflow does; gives the path of data.h5."""
    options = check_config({"study": "a", "data": data}, schema)["data"]
    store.write_data(path, prepare_data(options, seed=1), options=options, seed=1)
    return path


def plain_data(features, **changes):
    """A table that is not scaled and has no classes."""
    n_points, n_features = features.shape
    known = {"names": tuple("abcdefgh"[:n_features]), "truth": None, "class_names": None}
    known |= {"offset": np.zeros(n_features), "scale": np.ones(n_features)}
    known |= {"rows": np.arange(n_points), "digest": "d"}
    return store.PreparedData(features, **(known | changes))
