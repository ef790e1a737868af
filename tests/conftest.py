"""Fixtures shared by all tests."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from planning import plan_config

from kohorte.studies import load_modules
from kohorte.study.config import load_schema

# A shell ignores interrupts for what it starts in the background, and so would all tests and runs.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent

# Compiling a kernel inside an example would break any deadline; examples are the same every time,
# unless their number is given (make fuzz).
settings.register_profile(
    "kohorte",
    deadline=None,
    derandomize="KOHORTE_EXAMPLES" not in os.environ,
    max_examples=int(os.environ.get("KOHORTE_EXAMPLES", "40")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("kohorte")


@pytest.fixture(scope="session")
def root():
    """The top of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def schema():
    """The schema of the configuration."""
    return load_schema(load_modules())


@pytest.fixture
def plan(schema):
    """Plan a study from a configuration that leaves most keys to the recipe `published`."""

    def make(**config):
        config = {"study": "a", "recipe": "published", "data": {"source": "sklearn:iris"}, **config}
        return plan_config(config, schema)

    return make
