import pandas as pd
import pytest


@pytest.fixture(scope="module")
def published(root):
    return pd.read_csv(root / "src/kohorte_benchmarks/published_timings.csv", comment="#")


@pytest.fixture(scope="module")
def records(root):
    return pd.read_csv(root / "src/kohorte_benchmarks/records.csv", comment="#")
