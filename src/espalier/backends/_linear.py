"""Linear layers through oneDNN, for training in fp32 on a CPU.

PyTorch sends fp32 matrix products on x86 to MKL, which on AMD processors leaves half of the
machine idle where they have AVX-512: on one core of such an EPYC we measured 102 GFLOP/s for it and
230 for oneDNN, which PyTorch ships too, with the same error against fp64.  With AVX2 alone both
reach 64.  Small layers stay with MKL: with AVX2, a pass through 1,024 rows of width 64 took oneDNN
1.3 times as long, one through 128 rows 2.4 times; with AVX-512 that was not measured.
`bench/linear.py` measures both.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

SMALL = 128
"""Layers narrower than this, in or out, are left as they are."""


def pays() -> bool:
    """Say whether oneDNN is there and this processor is one on which it is the faster."""
    there: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return there and torch.backends.cpu.get_cpu_capability() == "AVX512"


def speed_up(model: nn.Module) -> None:
    """Let the large plain linear layers of `model` compute through oneDNN.

    Names, weights and what is computed stay as they are, so nothing else need know.
    """
    for module in model.modules():
        if type(module) is nn.Linear and min(module.in_features, module.out_features) >= SMALL:
            module.__class__ = _Linear


class _Linear(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (its name in nn.Linear)
        """Return `input @ weight.T + bias`."""
        plain = input.device.type == "cpu" and input.dtype == self.weight.dtype == torch.float32
        if not plain or torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        flat = input.reshape(-1, self.in_features)
        made = cast(Tensor, _Product.apply(flat, self.weight, self.bias))  # type: ignore[no-untyped-call]
        return made.view(*input.shape[:-1], self.out_features)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: A002
        ctx.save_for_backward(input, weight)
        ctx.biased = bias is not None
        return _product(input, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        input, weight = ctx.saved_tensors  # noqa: A001
        by_input, by_weight, by_bias = ctx.needs_input_grad
        return (
            _product(grad, weight.t()) if by_input else None,
            _by_weight(grad, input) if by_weight else None,
            grad.sum(0) if by_bias and ctx.biased else None,
        )


def _by_weight(grad: Tensor, input: Tensor) -> Tensor:  # noqa: A002
    """Return `grad.T @ input`, the narrower on the left, since oneDNN copies a transposed left."""
    if grad.shape[1] > input.shape[1]:
        return _product(input.t(), grad.t()).t()
    return _product(grad.t(), input.t())


def _product(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return `left @ right.T + bias` by oneDNN."""
    return cast(Tensor, torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], ""))
