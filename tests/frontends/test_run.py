"""`gradatim run`: what a program sees, its errors, its exit status."""

import sys

import pytest


def test_a_program_sees_what_python_would_show_it(run, tmp_path):
    (tmp_path / "beside.py").write_text("import torch\nvalue = torch.ones(2)\n")
    said = run(
        "import sys, beside\n"
        "print(sys.argv, __name__, __file__)\n"
        "print(sys.path[0])\n"
        "print(sys.modules['__main__'].beside.value.sum())\n",
        "--lr", "0.1", "--debug", "--version",
    )  # fmt: skip
    assert said.status == 0 and said.err == ""
    assert said.out.splitlines() == [
        "['program.py', '--lr', '0.1', '--debug', '--version'] __main__ "
        + str(tmp_path / "program.py"),
        str(tmp_path),
        "tensor(2.)",
    ]


def test_nothing_is_changed_outside_the_run(run):
    before = sys.argv, list(sys.path), sys.modules.get("torch"), list(sys.meta_path)
    run("import torch, tensorflow, torchvision.transforms")
    assert before == (sys.argv, list(sys.path), sys.modules.get("torch"), list(sys.meta_path))
    assert sys.modules["__main__"].__name__ == "__main__"
    assert not hasattr(sys.modules["__main__"], "torch")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("import sys; sys.exit(5)", 5),
        ("raise SystemExit", None),
        ("1 / 0", 1),
        ("import torch", 0),
        ("x = = 1", 1),
    ],
)
def test_the_exit_status_is_the_programs(run, text, status):
    assert run(text).status == status


def test_the_traceback_of_an_error_names_the_programs_own_lines(run):
    said = run("import torch\n\n\ndef f(x):\n    return x @ x\n\n\nf(torch.ones(2, 3))\n")
    assert said.status == 1
    places = [line.strip() for line in said.err.splitlines() if line.startswith("  File")]
    assert [place.partition(", ")[2] for place in places] == [
        "line 8, in <module>",
        "line 5, in f",
    ]
    assert all("program.py" in place for place in places)
    assert said.err.splitlines()[-1].startswith("gradatim.graph.errors.ShapeError: mat1 and mat2")


def test_an_error_behind_an_error_is_shown_with_its_own_lines_too(run):
    said = run("try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('no') from e\n")
    assert "KeyError: 'a'" in said.err and "direct cause" in said.err
    assert said.err.endswith("ValueError: no\n") and "gradatim" not in said.err


def test_debug_shows_all_frames(run):
    said = run("import torch\ntorch.ones(2) @ torch.ones(3)", options=["--debug"])
    assert "gradatim/ops" in said.err and said.status == 1


def test_a_program_that_is_not_there(run, capsys):
    from gradatim.cli import main

    assert main(["run", "missing.py"]) == 2
    assert capsys.readouterr().err == (
        "gradatim: there is no file missing.py: expected a Python program\n"
    )


# --- a GPU ---------------------------------------------------------------------------------------

GPU = "import torch\nx = torch.ones(2)\ny = {}\nprint(y.sum().item(), y.device)\n"
ON_GPU = [
    "x.cuda()",
    "x.to('cuda')",
    "x.to(torch.device('cuda:0'))",
    "torch.cuda.FloatTensor([1, 1])",
    "x.type(torch.cuda.FloatTensor)",
    "torch.ones(2, device='cuda')",
    "torch.nn.Identity().cuda()(x.cuda())",
]


@pytest.mark.parametrize("text", ON_GPU)
def test_without_a_gpu_one_line_says_how_to_run_on_the_processor(run, text):
    said = run(GPU.format(text))
    assert said.status == 2 and said.out == ""
    assert said.err.startswith("gradatim: program.py, line 3: there is no GPU")
    assert "gradatim run --device cpu" in said.err and said.err.count("\n") == 1


@pytest.mark.parametrize("text", ON_GPU)
def test_the_processor_does_the_work_of_the_gpu(run, text):
    said = run(GPU.format(text), options=["--device", "cpu"])
    assert (said.status, said.out, said.err) == (0, "2.0 cpu\n", "")


def test_the_option_may_stand_behind_the_program(run):
    assert run(GPU.format("x.cuda()"), "--device", "cpu").status == 0


def test_no_other_device_is_taken(run):
    said = run("", options=["--device", "tpu"])
    assert said.status == 2 and "--device is 'tpu'" in said.err


def test_a_class_of_the_program_can_be_pickled(run_alone):
    said = run_alone(
        "import pickle, torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.layer = torch.nn.Linear(2, 1)\n"
        "copy = pickle.loads(pickle.dumps(Net()))\n"
        "print(type(copy).__name__, copy.layer.weight.shape)\n"
    )
    assert said.out == "Net torch.Size([1, 2])\n", said.err
