"""Which network is collected. Features take it from here, and so need no adapter's own modules."""

from __future__ import annotations

from sfm.networks.adapter import Network
from sfm.twitter.network import TwitterNetwork

NETWORK: Network = TwitterNetwork()
