"""The pages: one module each, named as the menu names it."""
