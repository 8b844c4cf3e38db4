"""The trusted side of grading; it holds no course content. `wall/inside/` is the one part that untrusted code can see."""

__version__ = "1.0"
