"""Models: only what timm lacks, and a plain ViT that needs no timm."""

from headstart.models.agent import AgentCNN, create_agent
from headstart.models.convmixer import ConvMixer, create_convmixer
from headstart.models.edgevit import EdgeViT, create_edgevit
from headstart.models.filters import FilterRank, filter_bank, filter_ranks, rank_of
from headstart.models.lgl import LGLBlock
from headstart.models.reducers import TokenSlim
from headstart.models.slimming import slim_vit
from headstart.models.vit import VisionTransformer, create_vit

__all__ = [
    "AgentCNN",
    "ConvMixer",
    "EdgeViT",
    "FilterRank",
    "LGLBlock",
    "TokenSlim",
    "VisionTransformer",
    "create_agent",
    "create_convmixer",
    "create_edgevit",
    "create_vit",
    "filter_bank",
    "filter_ranks",
    "rank_of",
    "slim_vit",
]
