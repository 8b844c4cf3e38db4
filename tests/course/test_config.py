"""Presets, flags and run names are SEED's; a setting that cannot work is one line, before anything heavy is loaded."""

import json

import pytest

from lab.config import PRESETS, TrainConfig, parse_args
from lab.errors import ConfigError

NLPTOWN = "nlptown/bert-base-multilingual-uncased-sentiment"

BAD_SETTINGS = {  # command line → what its one line must name
    "--no_such_flag 3": "--no_such_flag",
    "--preset huge": "huge",
    "--kl_coef -0.1": "--kl_coef",
    "--kl_coef nan": "--kl_coef",
    "--kl_coef inf": "--kl_coef",
    "--beta -1": "--beta",
    "--num_generations 3": "--num_generations 3 does not divide the 16 completions",
    "--num_generations 1 --per_device_train_batch_size 16": "--num_generations 1",
    "--num_generations 0": "--num_generations",
    "--per_device_train_batch_size 0": "--per_device_train_batch_size",
    "--per_device_train_batch_size 8 --num_generations 5": "--num_generations 5",
    "--completions_per_step -1": "--completions_per_step",
    "--seed 4294967296": "--seed 4294967296",
    "--completions_per_step 2 --per_device_train_batch_size 2": "--num_generations 4",
    "--reward_shaping linear": "--reward_shaping",
    "--kl_type sideways": "--kl_type",
    "--shaping_temperature 0": "--shaping_temperature",
    "--temperature 0": "--temperature",
    "--learning_rate 0": "--learning_rate",
    "--learning_rate fast": "--learning_rate",
    "--max_steps 0": "--max_steps",
    "--max_steps 1.5": "--max_steps",
    "--max_completion_length 0": "--max_completion_length",
    "--seed -1": "--seed",
    "--save_steps 0": "--save_steps",
    "--logging_steps 0": "--logging_steps",
    "--validation_samples 0": "--validation_samples",
    "--validation_steps -1": "--validation_steps",
    "--rewards nowhere.py": "nowhere.py",
    "--rewards /tmp": "--rewards /tmp: it is a folder: name a notebook (.ipynb) or a .py file",
    "--max_step 3": "--max_step",
    "stray": "stray",
}


def test_defaults_are_those_of_the_course_description():
    config = parse_args([])
    assert (config.preset, config.model, config.sentiment_model) == ("quick", "gpt2", NLPTOWN)
    assert (config.num_generations, config.max_completion_length) == (4, 64)
    assert (config.reward_shaping, config.kl_type, config.kl_coef) == ("none", "none", 0.1)
    assert (config.temperature, config.learning_rate) == (0.7, 1e-5)
    assert not (config.wandb or config.use_peft or config.resume)
    assert config.output_dir == "./outputs"


@pytest.mark.parametrize(("preset", "steps"), [("quick", 50), ("medium", 150), ("full", 300)])
def test_presets_differ_in_their_steps_alone(preset, steps):
    config = parse_args(["--preset", preset])
    assert config.max_steps == steps
    same = {**config.as_dict(), "preset": "quick", "max_steps": 50}
    assert same == parse_args([]).as_dict()


def test_smoke_preset_uses_the_embedded_models_and_exercises_1_2_3a_3b():
    config = parse_args(["--preset", "smoke"])
    assert (config.model, config.sentiment_model) == ("tiny-gpt2", "tiny-sentiment")
    assert (config.reward_shaping, config.kl_type, config.kl_coef) == (
        "exponential",
        "forward",
        0.1,
    )
    assert config.required_exercises() == [
        "sentiment_reward", "exponential_shaping", "sequence_log_probs", "forward_kl_reward",
    ]  # fmt: skip


@pytest.mark.parametrize("preset", list(PRESETS))
def test_explicit_flag_beats_its_preset(preset):
    flags = {
        "max_steps": 7,
        "learning_rate": 3e-6,
        "model": "gpt2-medium",
        "kl_type": "backward",
        "temperature": 0.5,
    }
    argv = [part for name, value in flags.items() for part in (f"--{name}", str(value))]
    for order in (
        ["--preset", preset, *argv],
        [*argv, "--preset", preset],
        [f"--preset={preset}", *argv],
    ):
        config = parse_args(order)
        assert {name: getattr(config, name) for name in flags} == flags
    untouched = {name: value for name, value in PRESETS[preset].items() if name not in flags}
    assert {name: getattr(config, name) for name in untouched} == untouched


def test_explicit_flag_beats_the_preset_when_it_equals_the_default():
    assert (
        parse_args(["--preset", "smoke", "--kl_type", "none", "--reward_shaping", "none"]).kl_type
        == "none"
    )
    assert parse_args(["--preset", "full", "--max_steps", "50"]).max_steps == 50
    assert TrainConfig.from_preset("full", max_steps=50).max_steps == 50


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("--preset quick", "quick_none"),
        (
            "--preset medium --reward_shaping exponential --kl_type forward",
            "medium_exponential_kl-forward",
        ),
        (
            "--preset full --reward_shaping exponential --kl_type backward --kl_coef 0.2",
            "full_exponential_kl-backward_c0.2",
        ),
        (
            "--preset full --reward_shaping exponential --kl_type forward --kl_coef 0.1",
            "full_exponential_kl-forward",
        ),
        ("--preset quick --kl_coef 0.2", "quick_none"),
        ("--preset quick --kl_type forward --kl_coef 1", "quick_none_kl-forward_c1"),
        ("--preset quick --kl_type backward --kl_coef 0.05", "quick_none_kl-backward_c0.05"),
        ("--preset quick --kl_type forward --kl_coef 0", "quick_none_kl-forward_c0"),
    ],
)
def test_run_names_follow_the_convention(line, name):
    assert parse_args(line.split()).run_name == name


@pytest.mark.parametrize("line", BAD_SETTINGS)
def test_bad_setting_is_exit_2_and_one_line_that_names_it(line, capsys):
    with pytest.raises(SystemExit) as caught:
        parse_args(line.split())
    captured = capsys.readouterr()
    assert caught.value.code == 2
    assert len(captured.err.splitlines()) == 1
    assert BAD_SETTINGS[line] in captured.err
    assert captured.out == ""


def test_bad_settings_end_before_trl_or_a_model_is_loaded(python, source, solutions):
    lines = ["--kl_coef -1", "--no_such_flag", "--num_generations 3"]
    program = (
        "import sys, json, train\n"
        "codes = []\n"
        "for line in json.loads(sys.argv[1]):\n"
        "    try: codes.append(train.main(line.split()))\n"
        "    except SystemExit as end: codes.append(end.code)\n"
        "print(json.dumps([codes, sorted({m.partition('.')[0] for m in sys.modules})]))\n"
    )
    done = python("-c", program, json.dumps(lines), env={"PYTHONPATH": str(source)})
    codes, modules = json.loads(done.stdout)
    assert codes == [2, 2, 2]
    assert len(done.stderr.splitlines()) == 3
    assert "transformers" in modules  # the list is real
    assert not {"trl", "wandb", "peft", "datasets"} & set(modules)


def test_help_explains_every_setting(capsys):
    with pytest.raises(SystemExit) as caught:
        parse_args(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert caught.value.code == 0
    for name, field in TrainConfig.__dataclass_fields__.items():
        assert f"--{name}" in text
        assert field.metadata["help"].split(":")[0].split("(")[0].strip() in text


def test_from_preset_takes_settings_and_checks_them():
    assert TrainConfig.from_preset("smoke", learning_rate=3e-4).learning_rate == 3e-4
    with pytest.raises(ConfigError, match="unknown preset 'huge'.*smoke, quick, medium, full"):
        TrainConfig.from_preset("huge")
    with pytest.raises(ConfigError, match="unknown setting kl_strength, steps"):
        TrainConfig.from_preset("quick", steps=3, kl_strength=1)
    with pytest.raises(ConfigError, match="--kl_coef -1"):
        TrainConfig.from_preset("quick", kl_coef=-1)
    with pytest.raises(ConfigError, match="--kl_type sideways: choose none, forward, backward"):
        TrainConfig.from_preset("quick", kl_type="sideways")


@pytest.mark.parametrize("preset", list(PRESETS))
def test_memory_remedies_keep_a_valid_batch_of_the_same_size(preset):
    """The first remedy promises that the step stays as large; the others are taken on top of it, in order."""
    before = TrainConfig.from_preset(preset).step_completions
    flags = ["--preset", preset]
    for remedy in (
        "--per_device_train_batch_size 1",
        "--num_generations 2",
        "--use_peft",
        "--max_completion_length 32",
    ):
        flags += remedy.split()
        config = parse_args(flags)
        assert config.step_completions == before
        assert before % config.num_generations == 0
    assert config.accumulation == before


@pytest.mark.parametrize("processes", [2, 4])
def test_several_processes_share_a_step(monkeypatch, processes):
    monkeypatch.setenv("WORLD_SIZE", str(processes))
    config = parse_args(["--per_device_train_batch_size", "2"])
    assert config.step_completions == 16
    assert config.accumulation == 8 // processes


def test_a_step_holds_at_least_one_pass():
    config = parse_args(["--per_device_train_batch_size", "32"])
    assert (config.accumulation, config.step_completions) == (1, 32)


def test_required_exercises_are_those_that_the_run_calls():
    def needs(**settings):
        return TrainConfig.from_preset("quick", **settings).required_exercises()

    assert needs() == ["sentiment_reward"]
    assert needs(reward_shaping="exponential") == ["sentiment_reward", "exponential_shaping"]
    assert needs(kl_type="backward") == [
        "sentiment_reward",
        "sequence_log_probs",
        "backward_kl_reward",
    ]


def test_settings_are_plain_values():
    values = TrainConfig.from_preset("smoke").as_dict()
    assert json.loads(json.dumps(values)) == values
