"""How fast the course trains: `python -m tools.bench` against TRL's defaults, `python -m tools.bench.breakdown` part by part."""
