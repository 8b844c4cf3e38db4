"""A run's folder, as the tests read it."""

import json

from transformers import AutoModelForCausalLM


def history(folder):
    """Return the lines of a run's history: of training steps, and of validations."""
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [line for line in lines if "reward" in line], [
        line for line in lines if "validation/kl" in line
    ]


def weights(folder):
    """Return the weights of a model folder as plain `from_pretrained` reads them."""
    return {
        name: value.detach()
        for name, value in AutoModelForCausalLM.from_pretrained(folder).named_parameters()
    }
