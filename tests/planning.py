"""A configuration as the workflow plans it, with the studies that come with kohorte."""

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
