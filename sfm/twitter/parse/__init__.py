"""From the bytes that X answers to the records of `sfm.networks`, in both shapes of the API."""
