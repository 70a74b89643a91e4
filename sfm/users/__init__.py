"""Who signs in here, and the credentials they hold."""
