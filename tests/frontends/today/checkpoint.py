"""A custom autograd.Function, hooks, schedules, and a checkpoint that training resumes from."""

import os
import tempfile

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return grad_output * (s * (1 + x * (1 - s)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 16)
        self.norm = nn.BatchNorm1d(16)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        return self.out(Swish.apply(self.norm(self.hidden(x))))


torch.manual_seed(11)
torch.backends.cudnn.deterministic = True
torch.backends.cudnn.benchmark = False
x = torch.randn(128, 4, dtype=torch.float64)
y = (x[:, :1] * x[:, 1:2]).sin() + 0.1 * torch.randn(128, 1, dtype=torch.float64)


def build():
    model = Net().double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    return model, optimizer, CosineAnnealingLR(optimizer, T_max=20)


def epoch(model, optimizer, scheduler):
    model.train()
    total = 0.0
    for i in torch.randperm(len(x)).split(32):
        optimizer.zero_grad()
        loss = nn.functional.smooth_l1_loss(model(x[i]), y[i])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(i)
    scheduler.step()
    return total / len(x)


model, optimizer, scheduler = build()
norms = []
model.out.weight.register_hook(lambda grad: norms.append(grad.norm().item()))
for number in range(5):
    print(f"{number}: {epoch(model, optimizer, scheduler):.10f} {scheduler.get_last_lr()[0]:.8f}")
print(f"{len(norms)} gradients, the last {norms[-1]:.8f}")

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "checkpoint.pt")
    torch.save(
        {
            "epoch": 5,
            "model_state_dict": model.state_dict(),
            "optimizer_state_dict": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
            "rng": torch.get_rng_state(),
        },
        path,
    )
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)

again, optimizer2, scheduler2 = build()
again.load_state_dict(checkpoint["model_state_dict"])
optimizer2.load_state_dict(checkpoint["optimizer_state_dict"])
scheduler2.load_state_dict(checkpoint["scheduler"])
torch.set_rng_state(checkpoint["rng"])
resumed = [epoch(again, optimizer2, scheduler2) for _ in range(3)]
torch.set_rng_state(checkpoint["rng"])
straight = [epoch(model, optimizer, scheduler) for _ in range(3)]
print(resumed == straight, " ".join(f"{loss:.10f}" for loss in resumed))

plateau = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
for loss in (1.0, 0.9, 0.9, 0.9, 0.9):
    plateau.step(loss)
print(optimizer.param_groups[0]["lr"])
model.eval()
with torch.no_grad():
    print(f"{nn.functional.mse_loss(model(x), y).item():.10f}")
for name, tensor in model.state_dict().items():
    print(name, tuple(tensor.shape), f"{tensor.double().sum().item():.8f}")
