"""Social Feed Manager: collect, keep and hand on social media. Imports nothing."""

__version__ = "1.0.0.dev0"
