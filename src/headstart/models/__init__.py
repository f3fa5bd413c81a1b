"""Models: only what timm lacks, and a plain ViT that needs no timm."""

from headstart.models.edgevit import EdgeViT, create_edgevit
from headstart.models.lgl import LGLBlock
from headstart.models.vit import VisionTransformer, create_vit

__all__ = ["EdgeViT", "LGLBlock", "VisionTransformer", "create_edgevit", "create_vit"]
