"""A small Transformer, written out: it learns to reverse a sequence."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(7)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        assert width % heads == 0
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        b, t, c = x.size()
        q, k, v = self.qkv(x).split(c, dim=2)
        q, k, v = (z.view(b, t, self.heads, c // self.heads).transpose(1, 2) for z in (q, k, v))
        scores = (q @ k.transpose(-2, -1)) / math.sqrt(q.size(-1))
        y = F.softmax(scores, dim=-1) @ v
        return self.out(y.transpose(1, 2).contiguous().view(b, t, c))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(0.1)
        )

    def forward(self, x):
        x = x + self.attention(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class Reverser(nn.Module):
    def __init__(self, vocabulary=10, length=8, width=32, heads=4, depth=2):
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.register_buffer("positions", torch.arange(length))
        self.position = nn.Embedding(length, width)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(depth)])
        self.ln = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary)
        self.apply(self._init_weights)

    @staticmethod
    def _init_weights(module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, mean=0.0, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, x):
        h = self.token(x) + self.position(self.positions)
        for block in self.blocks:
            h = block(h)
        return self.head(self.ln(h))


device = "cuda" if torch.cuda.is_available() else "cpu"
model = Reverser().double().to(device)
decayed = [p for p in model.parameters() if p.dim() >= 2]
others = [p for p in model.parameters() if p.dim() < 2]
optimizer = torch.optim.AdamW(
    [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}],
    lr=3e-3,
    betas=(0.9, 0.95),
)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 10))

for step in range(40):
    x = torch.randint(0, 10, (32, 8), device=device)
    y = x.flip(1)
    logits = model(x)
    loss = F.cross_entropy(logits.view(-1, 10), y.view(-1))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    if step % 8 == 0:
        lr = scheduler.get_last_lr()[0]
        print("step {:3d} | loss {:.8f} | lr {:.5f}".format(step, loss.item(), lr))

with torch.inference_mode():
    x = torch.randint(0, 10, (64, 8))
    right = (model(x).argmax(-1) == x.flip(1)).float().mean()
print("right: %.4f" % right)
