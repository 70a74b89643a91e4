"""Stream filters: what to listen for, with whose credential, and which processes that needs."""
