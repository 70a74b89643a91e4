"""What a sandbox is like unless somebody says otherwise. Imports nothing, so that help is quick."""

from __future__ import annotations

DEFAULT_SEED = 20
DEFAULT_PORT = 8765
DEFAULT_CROWD = 2.0  # posts a second; a filter on any common word sees one within seconds
DEFAULT_KEEP_ALIVE = 20.0  # seconds; X's own
DEFAULT_BEARER_TOKEN = "sandbox-bearer"  # noqa: S105  (a key to a toy, printed on its first page)
DEFAULT_CONSUMER_KEY = "sandbox-consumer-key"
DEFAULT_CONSUMER_SECRET = "sandbox-consumer-secret"  # noqa: S105
DEFAULT_CLIENT_ID = "sandbox-client-id"
DEFAULT_CLIENT_SECRET = "sandbox-client-secret"  # noqa: S105
