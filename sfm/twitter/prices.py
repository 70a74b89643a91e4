"""What X asks for what is read.

Source: X, "Pricing", August 2026; the console has the last word.
"""

DOLLARS_PER_POST = 0.005
DOLLARS_PER_COUNT = 0.005  # a call of the counts endpoint
CENTS_PER_USER = 1.0
