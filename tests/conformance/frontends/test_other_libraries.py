"""Other libraries, some of which look for PyTorch, work in a program that `gradatim run` runs."""

import subprocess
import sys

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("pandas")

PROGRAM = """
import torch
import numpy as np, pandas as pd, scipy.linalg, scipy.stats
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler

torch.manual_seed(0)
x = torch.randn(60, 3)
y = (x[:, 0] > 0).long()
a, b, c, d = train_test_split(x.numpy(), y.numpy(), random_state=0)
model = LogisticRegression().fit(StandardScaler().fit_transform(a), c)
print(accuracy_score(d, model.predict(b)) > 0.8)
print(OneHotEncoder().fit_transform(y.numpy().reshape(-1, 1)).toarray().shape)
print(pd.DataFrame(x.numpy()).mean().shape, pd.Series(y.tolist()).sum() == y.sum().item())
print(round(float(scipy.linalg.norm(x.numpy())), 3) == round(x.norm().item(), 3))
print(scipy.stats.zscore(x.numpy()).shape, np.asarray(x).shape)
plt.plot(x[:, 0], label="x")
plt.scatter(x[:, 0].numpy(), x[:, 1])
plt.hist(x[:, 2])
plt.savefig("picture.png")
"""


def test_libraries_that_look_for_torch_keep_working(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "gradatim", "run", "program.py"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert said.returncode == 0, said.stderr
    assert said.stdout == "True\n(60, 2)\n(3,) True\nTrue\n(60, 3) (60, 3)\n"
