"""Configuration: the only reader of the environment. Flags go over environment variables, those over a TOML file."""

from entraid_service.config.clouds import Cloud
from entraid_service.config.load import SettingsError, describe, load, unknown_variables
from entraid_service.config.settings import SETTINGS, Settings

__all__ = ["SETTINGS", "Cloud", "Settings", "SettingsError", "describe", "load", "unknown_variables"]
