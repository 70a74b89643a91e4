"""What all networks share: records of posts and accounts, errors, the interface of adapters."""
