"""An exported model on the Hugging Face hub."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from headstart.errors import HeadstartError, first_line

__all__ = ["need_hub", "push_to_hub"]


def need_hub() -> None:
    """Raises :class:`~headstart.errors.HeadstartError`, naming the extra, where huggingface_hub is missing."""
    if importlib.util.find_spec("huggingface_hub") is None:
        raise HeadstartError('--push needs huggingface_hub; pip install "headstart[hub]".')


def push_to_hub(folder: Path, repo: str, files: Sequence[str], *, private: bool = False) -> str:
    """Upload ``files`` of ``folder`` to the model repository ``repo``, which is made when it is not there.

    The account is the one that huggingface_hub knows (``hf auth login``, or ``HF_TOKEN``).

    Returns:
        The address of the upload.

    Raises:
        HeadstartError: where huggingface_hub is missing or the hub refuses, with its reason.
    """
    need_hub()
    import huggingface_hub

    api = huggingface_hub.HfApi(library_name="headstart")
    try:
        api.create_repo(repo, private=private, exist_ok=True)
        told = api.upload_folder(
            repo_id=repo,
            folder_path=str(folder),
            allow_patterns=list(files),
            commit_message="Upload a model exported by headstart",
        )
    except Exception as error:  # the hub's own errors, the network's, and those of a name that is no repository's
        reason = first_line(error)
        raise HeadstartError(
            f"pushing {folder} to {repo} failed: {reason.rstrip('.')}. The files are written; log in with `hf auth "
            "login`, check the name (OWNER/NAME), and push again."
        ) from None
    return str(told)
