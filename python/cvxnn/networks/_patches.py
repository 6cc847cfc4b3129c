"""The parts of a signal or an image that a filter sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvxnn._checks import is_integer, one_of

__all__ = ["POOLINGS", "Patches"]

Array = NDArray[np.float64]
Pair = tuple[int, int]

POOLINGS = ("sum", "average", "max")
_USUAL_KERNEL = 3


@dataclass(frozen=True)
class Patches:
    """Where filters stand on flattened inputs, and how what they put out is pooled.

    Signals are images of height one. Filters run over all channels.
    """

    input_shape: tuple[int, int, int]  # channels, height, width
    kernel: Pair  # height and width of a filter
    stride: Pair
    padding: Pair  # zeros on either side
    pooling: str

    @classmethod
    def from_arguments(
        cls,
        n_features: int,
        *,
        input_shape: Any = None,
        kernel_size: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        pooling: str = "sum",
    ) -> Patches:
        """Check what a user gave; each error names the argument at fault."""
        sizes = _input_sizes(input_shape, n_features)
        shape = ((1, 1), (1,), ())[len(sizes) - 1] + sizes
        is_signal = len(sizes) == 1
        usual = min(_USUAL_KERNEL, shape[1]), min(_USUAL_KERNEL, shape[2])
        kernel = usual if kernel_size is None else _pair("kernel_size", kernel_size, 1, is_signal)
        steps = _pair("stride", stride, 1, is_signal)
        zeros = _pair("padding", padding, 0, is_signal)
        for size, length, added in zip(kernel, shape[1:], zeros, strict=True):
            if size > length + 2 * added:
                raise ValueError(
                    f"kernel_size={kernel_size!r} is larger than the input, which is "
                    f"{' x '.join(map(str, sizes))} with padding={padding!r}"
                )
        one_of("pooling", pooling, POOLINGS)
        return cls((shape[0], shape[1], shape[2]), kernel, steps, zeros, pooling)

    @property
    def grid(self) -> Pair:
        """How many positions a filter takes, down and across."""
        _, height, width = self.input_shape
        down = (height + 2 * self.padding[0] - self.kernel[0]) // self.stride[0] + 1
        return down, (width + 2 * self.padding[1] - self.kernel[1]) // self.stride[1] + 1

    @property
    def count(self) -> int:
        """The number K of patches of a sample."""
        return self.grid[0] * self.grid[1]

    @property
    def size(self) -> int:
        """The number of entries of a patch, and of weights of a filter."""
        return self.input_shape[0] * self.kernel[0] * self.kernel[1]

    @property
    def scale(self) -> float:
        """What sums over patches are multiplied with."""
        return 1.0 / self.count if self.pooling == "average" else 1.0

    def of(self, X: Array) -> Array:
        """Return the patches, shape (n K, size): those of a sample one below the other."""
        images = X.reshape(len(X), *self.input_shape)
        if any(self.padding):
            images = np.pad(images, ((0, 0), (0, 0), *((p, p) for p in self.padding)))
        windows = np.lib.stride_tricks.sliding_window_view(images, self.kernel, axis=(2, 3))
        chosen = windows[:, :, :: self.stride[0], :: self.stride[1]]  # (n, c, down, across, kernel)
        return chosen.transpose(0, 2, 3, 1, 4, 5).reshape(len(X) * self.count, self.size)

    @property
    def places(self) -> NDArray[np.intp]:
        """The feature that each entry of each patch shows, -1 for padding: shape (K, size)."""
        n_features = int(np.prod(self.input_shape))
        numbered = self.of(np.arange(1.0, n_features + 1.0)[None])
        return numbered.astype(np.intp) - 1


def _input_sizes(input_shape: Any, n_features: int) -> tuple[int, ...]:
    sizes = (n_features,) if input_shape is None else tuple(np.atleast_1d(input_shape).tolist())
    if len(sizes) not in (1, 2, 3) or not all(is_integer(size) and size > 0 for size in sizes):
        raise ValueError(
            "input_shape must be None, a length, (height, width) or (channels, height, width), "
            f"got {input_shape!r}"
        )
    if int(np.prod(sizes)) != n_features:
        raise ValueError(
            f"input_shape={input_shape!r} has {int(np.prod(sizes))} entries, but X has "
            f"{n_features} features"
        )
    return sizes


def _pair(name: str, value: Any, least: int, is_signal: bool) -> Pair:
    """Return a number for height and width; for signals, that of the width."""
    values = np.atleast_1d(value).tolist()
    expected = "an integer" if is_signal else "an integer or two of them"
    if len(values) not in ((1,) if is_signal else (1, 2)) or not all(map(is_integer, values)):
        raise ValueError(f"{name} must be {expected}, got {value!r}")
    if min(values) < least:
        raise ValueError(f"{name} must be at least {least}, got {value!r}")
    if is_signal:
        return (least, values[0])
    return (values[0], values[-1])
