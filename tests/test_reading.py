"""Configurations as they are read: names that YAML takes for others, several files, --config."""

import json

import pytest
import yaml

from kohorte.errors import ConfigError
from kohorte.study.config import check_config
from kohorte.study.reading import read_arguments, read_config, read_study, study_name

WRITTEN = ["yes", "No", "on", "OFF", "true", "y", "400", "007", "1_000", "0x1F", "1e3", "1.50"]
WRITTEN += ["2021-03-04", "2021-13-41", "12:30", "null", "~", "=", ".inf", ".5", "9" * 25]


@pytest.fixture
def read(tmp_path):
    def read_text(text, name="study.yaml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return read_config(tmp_path / name)

    return read_text


def test_names_are_what_was_written(read, schema):
    names = "\n".join(f"    - {name}" for name in WRITTEN)
    text = f"study: 2024\ndata:\n  source: 1.csv\n  features:\n{names}\n  label: off\n"
    config = check_config(read(text), schema)
    assert config["data"]["features"] == WRITTEN
    assert (config["study"], config["data"]["label"]) == ("2024", "off")


def test_keys_are_what_was_written(read, schema):
    text = "study: a\ndata: {source: a.csv, weights: {NO: 2, 400: 1.5, 2020-01-01: 3, ~: 4}}\n"
    weights = check_config(read(text), schema)["data"]["weights"]
    assert weights == {"NO": 2, "400": 1.5, "2020-01-01": 3, "~": 4}


def test_json_and_quotes_keep_names_too(read, schema):
    config = {"study": "a", "data": {"source": "a.csv", "features": ["NO", 400, True]}}
    found = check_config(read(json.dumps(config)), schema)["data"]["features"]
    assert found == ["NO", "400", "true"]
    found = check_config(read("study: 'no'\ndata: {source: 'a', label: \"400\"}"), schema)
    assert (found["study"], found["data"]["label"]) == ("no", "400")


def test_values_that_are_no_text_stay(read, schema):
    text = "study: a\nseed: 5\ndata: {source: a.csv, label: null, features: ~, stride: 1_0}\n"
    config = check_config(read(text + "lattice: {xdim: [5, 6], ydim: 7}\n"), schema)
    assert config["data"]["label"] is None
    assert config["data"]["features"] is None
    assert (config["data"]["stride"], config["lattice"]["xdim"]) == (10, [5, 6])
    plain = {"a": [1, None, {"b": True}], "c": 1.5}
    assert read(yaml.safe_dump(plain)) == plain


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("seed: 010", "seed: YAML reads 010 as 8; write 8"),
        ("data: {source: a, stride: 1:30}", "data.stride: YAML reads 1:30 as 90"),
        ("lattice: {xdim: [012, 14]}", "lattice.xdim[0]: YAML reads 012 as 10"),
    ],
)
def test_numbers_that_yaml_makes_others_of_are_refused(read, schema, text, says):
    with pytest.raises(ConfigError, match="YAML reads") as caught:
        check_config(read(f"study: a\n{text}\n"), schema)
    assert says in str(caught.value)


def test_of_a_merged_mapping_the_value_counts_that_replaces_another(read, schema):
    text = "study: a\ndata: {source: a.csv, units: &u {a: 1, b: m}, titles: {<<: *u, a: Depth}}\n"
    assert check_config(read(text), schema)["data"]["titles"] == {"a": "Depth", "b": "m"}
    text = "data: {units: &u {a: no, b: 2}, titles: {a: x, <<: *u, b: 3}}"
    assert read(text)["data"]["titles"].texts == {"b": "3"}


def test_values_that_others_have_read_are_named_with_what_to_do(schema):
    config = {"study": "a", "data": {"source": "a.csv", "features": ["CO", False]}}
    with pytest.raises(ConfigError, match=r"data\.features\[1\]: false .* in quotes"):
        check_config(config, schema)


def test_arguments_are_yaml_and_reach_into_sections(schema):
    arguments = ["lattice={xdim: [10, 12]}", "data={features: [NO, 400]}", "study=x", "seed=3"]
    found = read_arguments([*arguments, "data={label: off}"])
    assert found == {
        "lattice": {"xdim": [10, 12]},
        "data": {"features": [False, 400], "label": False},
        "study": "x",
        "seed": 3,
    }
    found["data"]["source"] = "a.csv"
    config = check_config(found, schema)
    assert config["data"]["features"] == ["NO", "400"]
    assert config["data"]["label"] == "off"
    assert read_arguments(["a=b: c", "d=#1", "study=2024"]) == {
        "a": "b: c", "d": "#1", "study": 2024,
    }  # fmt: skip
    with pytest.raises(ConfigError, match="--config data"):
        read_arguments(["data={source: a"])
    with pytest.raises(ConfigError, match="write key=value"):
        read_arguments(["data"])


def test_later_files_and_arguments_replace_the_keys_that_they_name(tmp_path):
    first, second = tmp_path / "base.yaml", tmp_path / "my wine (2).yaml"
    first.write_text("data: {source: a.csv, label: no}\nlattice: {xdim: [5, 6], ydim: 4}\n")
    second.write_text("data: {label: yes}\nlattice: {xdim: [7]}\n")
    found = read_study([first, second], ["lattice={ydim: 9}"])
    assert found == {
        "study": "my_wine_2_",
        "data": {"source": "a.csv", "label": True},
        "lattice": {"xdim": [7], "ydim": 9},
    }
    assert found["data"].texts == {"label": "yes"}
    assert read_study([first], ["study=x"])["study"] == "x"
    assert read_study([first])["study"] == "base"
    assert (study_name("/a/.b.yaml"), study_name("a/µ.yaml")) == ("b", "study")
    first.write_text("- a\n")
    with pytest.raises(ConfigError, match="must hold a mapping of keys"):
        read_study([first])
