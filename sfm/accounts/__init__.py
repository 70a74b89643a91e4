"""The accounts that are collected: adding them, names, states, lists, sets."""
