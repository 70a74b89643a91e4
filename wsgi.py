"""Production entry for gunicorn: the app, and with it the job scheduler."""

from sfm.factory import app_from_env

app = app_from_env()
