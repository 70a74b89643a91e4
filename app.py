"""Development and command line entry: `flask --app app …`. Starts no thread."""

from sfm.factory import app_from_env

app = app_from_env(for_commands=True)
