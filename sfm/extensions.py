"""Flask's extensions, not bound to an app yet, and the settings of the present one."""

from __future__ import annotations

from flask import current_app
from flask_babel import Babel
from flask_htmx import HTMX
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_wtf.csrf import CSRFProtect

from sfm.config import Settings

migrate = Migrate()
login_manager = LoginManager()
csrf = CSRFProtect()
htmx = HTMX()
babel = Babel()


def settings() -> Settings:
    """The settings of the present app."""
    found: Settings = current_app.extensions["sfm_settings"]
    return found
