"""The configuration: defaults, errors a person can act on, and no drift between schema and docs."""

import copy
import re
from pathlib import Path

import pytest
import yaml
from planning import plan_config

from kohorte.data.names import SEEN
from kohorte.errors import ConfigError
from kohorte.maps.parameters import PARAMETERS
from kohorte.studies import load_modules
from kohorte.study.config import check_config, describe_values, iter_keys
from kohorte.study.figures import all_figures
from kohorte.study.page import configuration_page, results_page

MINIMAL = {"study": "a", "data": {"source": "sklearn:iris"}}


def error_of(config, schema):
    with pytest.raises(ConfigError) as caught:
        check_config(config, schema)
    return str(caught.value)


def with_value(dotted, value):
    config = target = copy.deepcopy(MINIMAL)
    *sections, key = dotted.split(".")
    for section in sections:
        target = target.setdefault(section, {})
    target[key] = value
    return config


def test_every_default_is_filled_in_and_valid(schema):
    filled = check_config(MINIMAL | {"recipe": "published"}, schema)
    given = ("recipe", "data.source")
    for name, entry in iter_keys(schema):
        value = filled
        for part in name.split("."):
            value = value[part]
        if "default" in entry and "properties" not in entry and name not in given:
            assert value == entry["default"], name
    assert check_config(filled, schema) == filled


def test_the_given_configuration_is_not_changed(schema):
    config = copy.deepcopy(MINIMAL)
    check_config(config, schema)
    assert config == MINIMAL


def test_shipped_configurations_are_valid(root, schema):
    files = sorted((root / "config").glob("*.yaml"))
    assert files
    for file in files:
        plan_config(yaml.safe_load(file.read_text()), schema)


def test_every_key_says_what_it_means(schema):
    for name, entry in iter_keys(schema):
        assert entry.get("description"), name
        assert "default" in entry or name == "study", name
        assert "properties" in entry or describe_values(entry), name


def test_the_schema_is_closed_everywhere(schema):
    sections = [schema, *(entry for _, entry in iter_keys(schema) if "properties" in entry)]
    assert all(section["additionalProperties"] is False for section in sections)


def test_parameters_are_those_of_the_schema(schema):
    sections = ("lattice", "training", "segmentation")
    in_schema = {(s, key) for s in sections for key in schema["properties"][s]["properties"]}
    recording = {("training", name) for name in ("weights", "history", "snapshots")}
    assert in_schema - recording == {(p.section, name) for name, p in PARAMETERS.items()}
    explicit = schema["properties"]["realizations"]["properties"]["explicit"]
    assert list(explicit["items"]["properties"]) == [*SEEN, *PARAMETERS]


def test_every_map_parameter_takes_a_list(schema):
    for name, parameter in PARAMETERS.items():
        default = schema["properties"][parameter.section]["properties"][name]["default"]
        check_config(with_value(f"{parameter.section}.{name}", [default]), schema)


def test_documentation_page_is_the_schema(root, schema):
    page = configuration_page(schema, (root / "config" / "config.yaml").read_text())
    assert (root / "docs" / "reference" / "configuration.md").read_text() == page, "run make docs"


def test_documentation_has_the_table_of_figures(root):
    page = (root / "docs" / "reference" / "results.md").read_text()
    assert page == results_page(page, all_figures(load_modules())), "run make docs"
    assert page.count(" | always |") + page.count(" | on request |") > 40


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("stduy", 1, ["stduy: unknown key; did you mean 'study'?"]),
        ("data.scalling", 1, ["data.scalling: unknown key; did you mean 'scaling'?"]),
        ("training.alpah", 1, ["training.alpah: unknown key; did you mean 'alpha'?"]),
        ("figures.zzz", 1, ["figures.zzz: unknown key; there are 'color_by'"]),
        ("training.alpha", 2, ["training.alpha: 2", "above 0 and at most 1"]),
        ("training.alpha", [0.1, -1], ["training.alpha[1]: -1", "above 0"]),
        ("training.alpha", [], ["training.alpha: []"]),
        ("training.alpha", [0.1, 0.1], ["training.alpha: [0.1, 0.1] names a value twice"]),
        ("training.alpha", float("nan"), ["training.alpha: nan is not a finite number"]),
        ("training.steps", "1e4", ["training.steps: '1e4'", "10000 or 1.0e+4"]),
        ("training.steps", 10.5, ["training.steps: 10.5", "whole number"]),
        ("lattice.xdim", "big", ["lattice.xdim: 'big'", "'auto'"]),
        ("lattice.topology", "round", ["lattice.topology: 'round'", "'rectangular'"]),
        ("ensemble.identical", "both", ["'resolved' or 'reference'"]),
        ("ensemble.threshold", 0, ["ensemble.threshold: 0", "below 0"]),
        ("data", "iris.csv", ["data: 'iris.csv'", "a mapping of keys"]),
        ("study", "../outside", ["study: '../outside'"]),
        ("study", ".hidden", ["study: '.hidden'"]),
        ("study", "a" * 81, ["allowed: text of at most 80 characters that matches ^[A-Z"]),
        ("data.features", [["a", "b"]] * 2, ["data.features: [['a', 'b'], ['a', 'b']] names a v"]),
        ("data.features", [["a"], "b"], ["data.features[1]: 'b'", "a list (text) or null"]),
        ("data.features", [["a"], ["b", "b"]], ["data.features[1]: ['b', 'b'] names a value"]),
        ("seed", -1, ["seed: -1"]),
        ("figures.features", ["a"], ["a list of 2"]),
        ("figures.slice_axis", "w", ["'x' or 'y' or 'z' or null"]),
        ("data.scaling", None, ["data.scaling: null is not allowed"]),
        ("data.shape", [4, True, None], ["data.shape[1]: true is", "data.shape[2]: null is"]),
        ("study", [True, {"a": None}], ["study: [true, {'a': null}] is not allowed"]),
        ("realizations.explicit", [{"xdmi": 3}], ["realizations.explicit[0].xdmi", "'xdim'"]),
        ("realizations.explicit", [{"xdim": [3]}], ["realizations.explicit[0].xdim: [3]"]),
    ],
)
def test_bad_value_is_named_with_what_is_allowed(schema, key, value, parts):
    message = error_of(with_value(key, value), schema)
    assert [part for part in parts if part not in message] == []


def test_all_faults_are_reported_at_once(schema):
    message = error_of({"study": "a", "data": {"source": "x", "strid": 1}, "seed": -1}, schema)
    assert message.count("\n  - ") == 2


def test_missing_keys_and_what_is_no_mapping(schema):
    assert "study: this key is required" in error_of({}, schema)
    endless = []
    endless.append(endless)
    for config in (["study"], endless):
        assert "must be a mapping" in error_of(config, schema)


def yaml_blocks(root):
    for page in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.S)):
            yield pytest.param(block, id=f"{page.stem}-{number}")


@pytest.mark.parametrize("block", list(yaml_blocks(Path(__file__).resolve().parent.parent)))
def test_configurations_in_the_documentation_are_legal(block, schema):
    config = yaml.safe_load(block)
    config.setdefault("study", "a")
    config.setdefault("data", {}).setdefault("source", "sklearn:iris")
    plan_config(config, schema)
