"""A head start in your own PyTorch loop: one line between the model and the optimizer.

python examples/plain_pytorch.py          # real handwritten digits, a minute on a CPU
"""

import argparse

import torch
from torch.nn.functional import cross_entropy

import headstart
from headstart.data import load_dataset, normalize


def main(passes: int = 10) -> float:
    data = load_dataset("digits")
    images, labels = normalize(data.train.images, data.mean, data.std), data.train.labels

    torch.manual_seed(0)
    model = headstart.create_vit("tiny", image_size=8, patch_size=1, in_channels=1, num_classes=10, width=96, depth=4)
    print(headstart.init_(model, "impulse"))  # the one line

    steps = passes * (len(images) // 50)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps)
    for step in range(steps):
        batch = torch.randint(len(images), (50,))
        loss = cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            print(f"step {step}/{steps}, loss {loss:.3f}")

    model.eval()
    with torch.no_grad():
        guesses = model(normalize(data.test.images, data.mean, data.std)).argmax(1)
    accuracy = (guesses == data.test.labels).float().mean().item()
    print(f"test accuracy {accuracy:.1%}")
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--passes", type=int, default=10)
    main(parser.parse_args().passes)
