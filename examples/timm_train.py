"""A head start for timm's own parts: its model, optimizer, schedule and mixup; ours is one line.

pip install "headstart[timm]"
python examples/timm_train.py             # real handwritten digits, two minutes on a CPU
"""

import argparse

import timm
import torch
from timm.data import Mixup
from timm.loss import SoftTargetCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler

import headstart
from headstart.data import load_dataset, normalize


def main(passes: int = 10) -> float:
    data = load_dataset("digits")
    images, labels = normalize(data.train.images, data.mean, data.std), data.train.labels

    torch.manual_seed(0)
    model = timm.create_model(
        "vit_tiny_patch16_224", img_size=8, patch_size=1, in_chans=1, num_classes=10, embed_dim=96, depth=4,
        class_token=False, global_pool="avg",
    )  # fmt: skip
    print(headstart.init_(model, "impulse"))  # the one line

    # For timm's train.py: write the start with `headstart init MODEL --out start.safetensors`, then train from it with
    # `--initial-checkpoint start.safetensors`.
    optimizer = create_optimizer_v2(model, opt="adamw", lr=1e-3, weight_decay=0.05)
    schedule = CosineLRScheduler(optimizer, t_initial=passes, warmup_t=1, warmup_lr_init=1e-5)
    mixup = Mixup(mixup_alpha=0.2, num_classes=10, label_smoothing=0.1)
    loss_of = SoftTargetCrossEntropy()
    for epoch in range(passes):
        schedule.step(epoch)
        for batch in torch.randperm(len(images)).split(50):
            batch = batch[: len(batch) // 2 * 2]  # mixup pairs images
            x, y = mixup(images[batch].clone(), labels[batch])
            loss = loss_of(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"pass {epoch + 1}/{passes}, loss {loss:.3f}")

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
