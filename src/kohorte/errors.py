"""Errors that tell a person what was wrong, where, and what to do about it."""


class KohorteError(Exception):
    """Base of all errors that kohorte raises on purpose."""


class ConfigError(KohorteError, ValueError):
    """A value of the configuration, or an argument of a public function, cannot be used."""


class MissingExtraError(ConfigError, ImportError):
    """A library is not installed that kohorte needs for what was asked; the message says how."""


class DataError(KohorteError, ValueError):
    """An input table cannot be used; the message names file, column and first row."""


class MissingFileError(DataError):
    """A file that is named is not there."""


class ResultError(KohorteError):
    """A result file is missing, unfinished, corrupt or of another study."""
