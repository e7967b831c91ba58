"""A language model of characters: an embedding, an LSTM, clipped gradients, sampling."""

import torch
from torch import nn, optim

torch.manual_seed(3)
torch.set_default_dtype(torch.float64)

TEXT = "the quick brown fox jumps over the lazy dog and the dog sleeps on. " * 8
letters = sorted(set(TEXT))
index = {letter: i for i, letter in enumerate(letters)}
codes = torch.tensor([index[letter] for letter in TEXT], dtype=torch.long)


class CharacterModel(nn.Module):
    def __init__(self, vocabulary, size=24, hidden=48, layers=2):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, size)
        self.lstm = nn.LSTM(size, hidden, layers, batch_first=True, dropout=0.1)
        self.decoder = nn.Linear(hidden, vocabulary)

    def forward(self, x, state=None):
        output, state = self.lstm(self.embedding(x), state)
        return self.decoder(output), state


model = CharacterModel(len(letters))
print(sum(p.numel() for p in model.parameters() if p.requires_grad), "parameters")
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.01)
batch, length = 8, 16

for step in range(30):
    starts = torch.randint(0, len(codes) - length - 1, (batch,))
    x = torch.stack([codes[s : s + length] for s in starts])
    y = torch.stack([codes[s + 1 : s + length + 1] for s in starts])
    logits, _ = model(x)
    loss = criterion(logits.reshape(-1, len(letters)), y.reshape(-1))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 5 == 0:
        print(f"step {step}: loss {loss.item():.8f}, gradient {float(norm):.8f}")

model.eval()
with torch.no_grad():
    x, state, said = codes[:1].unsqueeze(0), None, []
    for _ in range(40):
        logits, state = model(x, state)
        x = logits[:, -1].argmax(-1, keepdim=True)
        said.append(letters[x.item()])
print("".join(said))
