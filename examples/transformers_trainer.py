"""A head start for Hugging Face transformers: one line between the model and the Trainer.

pip install "headstart[transformers]"
python examples/transformers_trainer.py   # real handwritten digits, two minutes on a CPU
"""

import argparse
import tempfile

import torch
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments, ViTConfig, ViTForImageClassification, set_seed

import headstart
from headstart.data import Split, load_dataset, normalize


class Digits(Dataset):
    """A split as the Trainer takes it: one dictionary for each image."""

    def __init__(self, split: Split, mean: tuple, std: tuple) -> None:
        self.images, self.labels = normalize(split.images, mean, std), split.labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict:
        return {"pixel_values": self.images[index], "labels": self.labels[index]}


def main(passes: int = 10) -> float:
    data = load_dataset("digits")
    train, test = (Digits(split, data.mean, data.std) for split in (data.train, data.test))

    set_seed(0)
    config = ViTConfig(
        image_size=8, patch_size=1, num_channels=1, num_labels=10,
        hidden_size=96, num_hidden_layers=4, num_attention_heads=3, intermediate_size=384,
    )  # fmt: skip
    model = ViTForImageClassification(config)
    print(headstart.init_(model, "impulse"))  # the one line

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, num_train_epochs=passes, per_device_train_batch_size=50, learning_rate=1e-3,
            weight_decay=0.05, warmup_steps=10, lr_scheduler_type="cosine", logging_steps=50, save_strategy="no",
            report_to="none", use_cpu=not torch.cuda.is_available(), seed=0,
        )  # fmt: skip

        def accuracy(prediction):
            return {"accuracy": float((prediction.predictions.argmax(1) == prediction.label_ids).mean())}

        trainer = Trainer(model=model, args=arguments, train_dataset=train, eval_dataset=test, compute_metrics=accuracy)
        trainer.train()
        found = trainer.evaluate()["eval_accuracy"]
    print(f"test accuracy {found:.1%}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--passes", type=int, default=10)
    main(parser.parse_args().passes)
