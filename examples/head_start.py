# %% [markdown]
# # A head start, step by step
#
# Real handwritten digits, two starts, a minute on a CPU. `pip install headstart` and a notebook are all it takes; the
# images come with the library.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch

import headstart
from headstart.data import load_dataset
from headstart.training import compare, named_recipe

# %% [markdown]
# ## The images
#
# 1,797 digits of 8×8 pixels, parted into training, validation and test images. Patches of 2 pixels make a grid of 4×4.

# %%
digits = load_dataset("digits")
figure, axes = plt.subplots(2, 8, figsize=(6, 1.7))
for ax, image, label in zip(axes.flat, digits.train.images, digits.train.labels, strict=False):
    ax.imshow(image[0], cmap="gray_r")
    ax.set_title(int(label), fontsize=8)
    ax.axis("off")

# %% [markdown]
# ## The one line
#
# A small vision transformer as it usually starts looks at everything alike. Then the head start: each head looks at one
# neighbour of its patch. The title of each picture is the offset (down, right) and the share of
# attention that it gets.

# %%
model = headstart.create_vit("tiny", image_size=8, patch_size=2, in_channels=1, num_classes=10, width=96, depth=4)
print(f"before: {headstart.measure(model).target_mass:.2f} of the attention on what each head looks at most")
report = headstart.init_(model, "impulse", generator=torch.Generator().manual_seed(0))
print(f"after:  {report.target_mass:.2f}")
report.figure()

# %% [markdown]
# ## Is it worth anything?
#
# Both starts, two seeds each, on the same images in the same order. A third of the images and four passes, so that a
# run takes a few seconds; leave `override` away for the whole recipe.

# %%
runs = Path(tempfile.mkdtemp())
recipe = named_recipe("digits").override(["limit=400", "passes=4"])
results = compare(recipe, ["default", "impulse"], [0, 1], runs)

# %%
for arm in results["arms"]:
    print(f"{arm['name']:8} {arm['mean']:.1%} of the test images, single runs {[run['test'] for run in arm['runs']]}")
figure, ax = plt.subplots(figsize=(5, 3))
for arm, colour in zip(results["arms"], ("tab:gray", "tab:green"), strict=True):
    for run in arm["runs"]:
        curve = [point["val_accuracy"] for point in run["history"]]
        ax.plot(range(1, 1 + len(curve)), curve, color=colour, label=arm["name"] if run["seed"] == 0 else None)
ax.set(xlabel="pass", ylabel="validation accuracy", ylim=(0, 1))
_ = ax.legend()

# %% [markdown]
# Two seeds show which way it goes and no more; `headstart compare` has the rules for numbers that can be trusted.
#
# ## Using the model
#
# A run folder is opened by `load`. Probabilities are calibrated on the validation images.

# %%
predictor = headstart.load(runs / "impulse" / "seed-0")
shown = digits.test.images[:8]
figure, axes = plt.subplots(1, 8, figsize=(8, 1.5))
for ax, image, found in zip(axes, shown, predictor.predict(list(shown)), strict=True):
    ax.imshow(image[0], cmap="gray_r")
    ax.set_title(f"{found.label} ({found.probability:.0%})", fontsize=8)
    ax.axis("off")

# %% [markdown]
# ## Where have the heads gone?
#
# The same picture after training, on real images: the start was free to become anything else.

# %%
images = torch.stack([predictor.preprocess(image) for image in digits.val.images[:64]])
trained = headstart.measure(predictor.model, images)
print(f"{trained.target_mass:.2f} of the attention on what each head looks at most")
trained.figure()
