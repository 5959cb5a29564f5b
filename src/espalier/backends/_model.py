"""Open a model folder, and take logits only where they are wanted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from espalier.backends._linear import pays, speed_up
from espalier.errors import EspalierError, MissingError
from espalier.memory import keep_memory
from espalier.step import Site

Model = Any
"""A transformers causal LM; their base class promises too little to the type checker."""

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def open_model(folder: Path, device: torch.device, dtype: torch.dtype | str) -> Model:
    """Load the causal LM of `folder` from safetensors: never a pickle, never code from the folder.

    Raises `MissingError` for what is not there, or would be made up at random.
    """
    _look(folder)
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model, report = cast(Any, AutoModelForCausalLM).from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
    except (ValueError, KeyError, OSError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise MissingError(f"{folder}: not a causal LM that can be opened ({first})") from None
    lost = sorted(report["missing_keys"]) + sorted(str(k) for k in report["mismatched_keys"])
    if lost:
        raise MissingError(
            f"{folder}: its weights lack {len(lost)} tensors the model needs ({lost[0]}, ...); "
            "save the whole model again"
        )
    model.to(device)
    for parameter in model.parameters():
        # Mapped from a file, weights may begin anywhere; kernels are faster, and choose the same
        # path in every process, on memory that PyTorch itself has aligned.
        parameter.data = parameter.data.clone()
    if device.type == "cpu" and pays():
        speed_up(model)
    return model


def _look(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise MissingError(
            f"{folder}: no config.json; a model is a folder in the Hugging Face layout"
        )
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(p.name for pattern in PICKLES for p in folder.glob(pattern))
    if pickles:
        raise MissingError(
            f"{folder}: only pickled weights ({pickles[0]}), which may run code when opened; "
            "convert them to safetensors (save_pretrained does) and try again"
        )
    raise MissingError(f"{folder}: no weights (*.safetensors); there is only a config.json")


def context(model: Model) -> int | None:
    """Return the most tokens the model can look at, where its configuration says so."""
    config = model.config.get_text_config()
    found = getattr(config, "max_position_embeddings", None)
    return found if isinstance(found, int) and found > 0 else None


def vocabulary(model: Model) -> int:
    """Return how many tokens the model can read."""
    return int(model.get_input_embeddings().weight.shape[0])


def logits_at(model: Model, places: Tensor, **inputs: Any) -> tuple[Tensor, Any]:
    """Run `model` and return its logits at `places`, (places, vocabulary), and all its outputs.

    `places` count through rows by tokens as one line.  The hidden states are picked out on their
    way into the output layer, so that whatever a model does after it (scaling, soft caps) still
    happens; in fine-tuning most positions are prompts, whose logits nobody needs.  Where a model
    computes its logits in another way they are picked afterwards.
    """
    head = model.get_output_embeddings()
    picked = False

    def pick(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        nonlocal picked
        picked = True
        hidden, *rest = given
        return hidden.reshape(-1, hidden.shape[-1]).index_select(0, places).unsqueeze(0), *rest

    hook = head.register_forward_pre_hook(pick) if isinstance(head, nn.Module) else None
    try:
        output = model(**inputs)
    finally:
        if hook is not None:
            hook.remove()
    logits = output.logits.flatten(0, 1)
    return (logits if picked else logits.index_select(0, places)), output


def device_of(site: Site) -> torch.device:
    """Return the device a site names; refuse one that is not there."""
    try:
        device = torch.device(site.device)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise EspalierError(f"site.device: cannot use '{site.device}' ({first}); try cpu") from None
    return device


@contextmanager
def repeatable(site: Site) -> Iterator[None]:
    """Compute on the site's threads with deterministic algorithms, then as before."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    deterministic: Any = torch.utils.deterministic
    fill = deterministic.fill_uninitialized_memory
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(site.threads)
    keep_memory()
    torch.use_deterministic_algorithms(True)
    deterministic.fill_uninitialized_memory = False  # a debugging aid that writes all memory twice
    try:
        yield
    finally:
        deterministic.fill_uninitialized_memory = fill
        torch.use_deterministic_algorithms(strict)
        torch.set_num_threads(threads)


def check_bf16(device: torch.device) -> None:
    """Refuse to compute in bf16 where the hardware would only imitate it."""
    if device.type == "cuda":
        able = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        able = cast(bool, torch.ops.mkldnn._is_mkldnn_bf16_supported())
    else:
        able = True
    if not able:
        raise EspalierError(f"recipe: this {device.type} has no bf16; set precision: fp32")
