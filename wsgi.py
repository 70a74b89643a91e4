"""Production entry for gunicorn: the app, and with it the job scheduler."""

from sfm.factory import app_from_env
from sfm.jobs import scheduler

app = app_from_env()
scheduler.start(app)
