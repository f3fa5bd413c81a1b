"""Models: only what timm lacks, and a plain ViT that needs no timm."""

from headstart.models.vit import VisionTransformer, create_vit

__all__ = ["VisionTransformer", "create_vit"]
