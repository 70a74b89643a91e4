"""`python -m sfm.sandbox`, for make and process managers."""

from sfm.sandbox.command import sandbox

if __name__ == "__main__":
    sandbox()
