import pytest
import torch
from torch import nn

import headstart
from headstart import HeadstartError, UnsupportedModel, attention_view
from headstart.attention.multihead import view_multihead

NAMED = {"grid": (8, 8), "position": "pos"}


class Encoder(nn.Module):
    """A ViT as people write it with PyTorch's own layers."""

    def __init__(self, pooled=True, flat=False, **options):
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, 64, 4, 4)
        self.token = nn.Parameter(0.02 * torch.randn(1, 1, 64)) if pooled else None
        rows = 64 + pooled
        self.pos = nn.Parameter(0.02 * torch.randn(*((rows, 64) if flat else (1, rows, 64))))
        settings = {"norm_first": True, "batch_first": True, "dropout": 0.0, **options}
        layer = nn.TransformerEncoderLayer(64, 4, 128, **settings)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, images):
        x = self.patches(images).flatten(2).transpose(1, 2)
        if self.token is not None:
            x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        return self.encoder(x + self.pos).mean(1)


class Block(nn.Module):
    """A block of one's own: the attention listed before its norm, called by keywords."""

    def __init__(self, **options):
        super().__init__()
        self.attend = nn.MultiheadAttention(64, 4, batch_first=True, **options)
        self.before = nn.LayerNorm(64)
        self.after = nn.LayerNorm(64)
        self.mlp = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 64))

    def forward(self, x):
        y = self.before(x)
        x = x + self.attend(query=y, key=y, value=y)[0]
        return x + self.mlp(self.after(x))


class Own(nn.Module):
    def __init__(self, block=Block, **options):
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, 64, 4, 4)
        self.register_buffer("pos", 0.3 * torch.randn(64, 64))
        self.blocks = nn.ModuleList([block(**options), block(**options)])

    def forward(self, images):
        x = self.patches(images).flatten(2).transpose(1, 2) + self.pos
        for block in self.blocks:
            x = block(x)
        return x.mean(1)


MODELS = {
    "class token": Encoder,
    "no class token, flat embedding": lambda: Encoder(pooled=False, flat=True),
    "no biases": lambda: Encoder(bias=False),
    "post-norm": lambda: Encoder(norm_first=False),
    "blocks of one's own, fixed positions": Own,
}


def see(model):
    return attention_view(model, **NAMED)


@pytest.mark.parametrize("name", MODELS)
def test_maps_are_the_models_own(name, check_maps):
    check_maps(MODELS[name](), see)


@pytest.mark.parametrize("name", [name for name in MODELS if "fixed" not in name])
def test_a_start_holds_what_it_promises(name, check_start):
    check_start(MODELS[name](), see)


def test_norms_mlp_and_tokens_are_found():
    model = Encoder()
    view = see(model)
    layers = list(model.encoder.layers)
    assert [b.norm for b in view.blocks] == [layer.norm1 for layer in layers]
    assert (view.blocks[0].mlp_in, view.blocks[0].mlp_out) == (layers[0].linear1, layers[0].linear2)
    assert torch.equal(view.prefix_tokens[0], model.token) and view.patch_embed is model.patches
    own = see(Own())
    assert own.source == "fixed" and own.blocks[1].norm is own.model.blocks[1].before
    post = Encoder(norm_first=False)
    first, second = see(post).blocks
    assert isinstance(first.norm, nn.Identity) and second.norm is post.encoder.layers[0].norm2
    assert (first.stream_std, second.stream_std) == (None, 1.0)


def test_the_stream_is_seen_as_it_enters_and_leaves_the_blocks():
    model = Encoder()
    images = torch.randn(2, 3, 32, 32)
    seen = {}
    view = see(model)
    view.visit(images, lambda *_: None, lambda x: seen.update(first=x), lambda x: seen.update(last=x))
    x = model.patches(images).flatten(2).transpose(1, 2)
    x = torch.cat([model.token.expand(2, -1, -1), x], 1) + model.pos
    torch.testing.assert_close(seen["first"], x)
    torch.testing.assert_close(seen["last"], model.encoder(x), atol=1e-5, rtol=1e-4)


def test_class_tokens_without_a_position_are_counted_by_the_caller():
    model = Encoder(pooled=False)
    view = attention_view(model, grid=(8, 8), position="pos", prefix=2)
    assert (view.prefix, view.position.covers_prefix) == (2, False)
    assert view.position_input(0).shape == (66, 64)


def test_half_precision_is_started_on_a_copy_seen_in_the_same_way():
    model = Encoder().to(torch.float16)
    report = headstart.init_(see(model), headstart.Impulse(sharpness=0.8))
    assert model.pos.dtype == torch.float16
    assert all(abs(h.target_mass - 0.8) < 0.02 for h in report.heads)
    again = headstart.measure(see(model))
    assert all(abs(h.target_mass - 0.8) < 0.05 for h in again.heads)


class Bare(nn.Module):
    """Attention directly in a list, with no block around it."""

    def __init__(self):
        super().__init__()
        self.pos = nn.Parameter(torch.zeros(64, 64))
        self.layers = nn.ModuleList([nn.MultiheadAttention(64, 4, batch_first=True)])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: Own(kdim=32), "Own: blocks.0.attend has separate weights for keys and values (kdim, vdim)"),
        (lambda: Own(add_bias_kv=True), "Own: blocks.0.attend adds keys that are no tokens"),
        (lambda: Own(add_zero_attn=True), "Own: blocks.0.attend adds keys that are no tokens"),
        (
            lambda: Encoder(batch_first=False),
            "Encoder: encoder.layers.0.self_attn wants tokens before images (batch_first=False); build it with",
        ),
        (Bare, "Bare: layers.0 is not in a block of its own"),
        (
            lambda: Own(lambda: nn.TransformerDecoderLayer(64, 4, 128, batch_first=True)),
            "Own: blocks.0.self_attn is in a TransformerDecoderLayer",
        ),
    ],
)
def test_attention_that_cannot_be_seen_says_why(model, message):
    with pytest.raises(UnsupportedModel) as error:
        see(model())
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"grid": (8, 8), "position": "place"}, "Encoder: it has no parameter or buffer 'place' that could hold"),
        ({"grid": (8, 8), "position": "patches.weight"}, "'patches.weight' has shape (64, 3, 4, 4), expected (1, rows"),
        ({"grid": (4, 8), "position": "pos", "prefix": 1}, "'pos' has 65 rows, which is neither the 32 patches of the"),
        ({"grid": 64, "position": "pos"}, "grid must be the number of patches as (height, width); got 64."),
        ({"grid": (8, 8)}, "grid= and position= belong together"),
        ({"position": "pos"}, "grid= and position= belong together"),
    ],
)
def test_names_that_do_not_fit_say_so(named, message):
    with pytest.raises(HeadstartError) as error:
        attention_view(Encoder(), **named)
    assert message in str(error.value)


def test_a_model_without_attention_says_so():
    with pytest.raises(UnsupportedModel, match=r"Linear: no attention found; looked for nn.MultiheadAttention."):
        view_multihead(nn.Linear(4, 4), (8, 8), "weight")
