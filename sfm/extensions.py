"""The extensions that commands and pages share, and the settings of the present app."""

from __future__ import annotations

from flask import current_app
from flask_migrate import Migrate

from sfm.config import Settings

migrate = Migrate()


def settings() -> Settings:
    """The settings of the present app."""
    found: Settings = current_app.extensions["sfm_settings"]
    return found
