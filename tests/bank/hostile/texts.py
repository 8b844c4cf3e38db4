# ruff: noqa
# fmt: off
"""Work whose words are the weapon: what it raises and returns is shown in feedback."""

# %% script_in_exception
# stem: exponential_shaping
# hostile: HTML in the text of an exception
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    raise RuntimeError("<script>fetch('/formgrader')</script><img src=x onerror=alert(1)>")

# %% script_in_class_name
# stem: exponential_shaping
# hostile: HTML in the name of an exception class
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    raise type("<script>alert(1)</script>", (Exception,), {})("</pre></body>")

# %% script_returned
# stem: exponential_shaping
# hostile: HTML as the result
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    return "<script>alert(document.cookie)</script>"

# %% fifty_megabytes_raised
# stem: exponential_shaping
# hostile: an exception with 50 MB of text
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    raise RuntimeError("no " * 17_000_000)

# %% control_characters
# stem: exponential_shaping
# hostile: terminal commands, text direction changes, lone surrogates and null bytes
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    raise ValueError("\x1b[2J\x1b]0;owned\x07\x1b[31mPASS\x1b[0m\r\b\b\u202e3/3\udce2\ud800\x00\x9b1m")

# %% exception_without_text
# stem: exponential_shaping
# hostile: an exception whose __str__ fails
# outcome: wrong
class Mute(Exception):
    def __str__(self):
        raise Mute()
    __repr__ = __str__

def exponential_shaping(scores, temperature=1.0):
    raise Mute()

# %% exception_text_without_end
# stem: exponential_shaping
# hostile: an exception whose __str__ never ends
# outcome: timeout
class Endless(Exception):
    def __str__(self):
        while True:
            pass

def exponential_shaping(scores, temperature=1.0):
    raise Endless()

# %% claims_to_be_value_error
# stem: exponential_shaping
# hostile: raises ValueError for everything, so at least the refusals hold
# outcome: wrong
def exponential_shaping(scores, temperature=1.0):
    raise ValueError("temperature must be positive")

# %% hidden_path_in_traceback
# stem: exponential_shaping
# hostile: raises with forged file names of the grader
# outcome: wrong
exec(compile("def inner():\n    raise RuntimeError('look at my frames')\n", "<cell ../../tests/hidden/oracles.py>", "exec"))

def exponential_shaping(scores, temperature=1.0):
    inner()

# %% forged_not_implemented
# stem: exponential_shaping
# hostile: NotImplementedError for hard cases only: those laws are lost
# outcome: partial
# points: 0.5
def exponential_shaping(scores, temperature=1.0):
    if temperature <= 0:
        raise ValueError("temperature must be positive")
    if temperature != 1:
        raise NotImplementedError("Exercise 2: exponential_shaping")
    return torch.exp(scores) - 1
