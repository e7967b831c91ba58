"""A variational autoencoder of rings, with the reparameterization trick and closed-form KL."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
angles = torch.rand(512) * 2 * math.pi
rings = torch.stack([torch.cos(angles), torch.sin(angles), torch.cos(2 * angles)], dim=1)
rings = rings + 0.05 * torch.randn_like(rings)
loader = DataLoader(TensorDataset(rings), batch_size=64, shuffle=True)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(3, 32), nn.Tanh())
        self.mean, self.log_variance = nn.Linear(32, 2), nn.Linear(32, 2)
        self.decoder = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 3))

    def forward(self, x):
        hidden = self.encoder(x)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        deviation = torch.exp(0.5 * log_variance)
        code = mean + deviation * torch.randn_like(deviation)
        return self.decoder(code), mean, log_variance


def elbo(reconstruction, x, mean, log_variance):
    error = F.mse_loss(reconstruction, x, reduction="sum")
    divergence = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    return error + 0.1 * divergence


model = VAE()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1e-4)
for epoch in range(8):
    total = 0.0
    for (x,) in loader:
        optimizer.zero_grad()
        loss = elbo(*model(x)[:1], x, *model(x)[1:])
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch}: {total / len(rings):.8f}")
print([round(v, 6) for v in model.decoder(torch.zeros(1, 2))[0].tolist()])
print(model)
