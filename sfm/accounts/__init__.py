"""The Twitter accounts that are collected: adding, names, states, sets."""
