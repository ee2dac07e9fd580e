"""The one checker: every input and every `out=` of `realtime.audio` passes through here.

A wrong kind of argument is a TypeError; audio of the right kind that cannot be what it is
said to be (an odd length, a dimension too many, an `out` that overlaps) is an AudioError.
Nothing here copies unless it must, and nothing here writes to what it is given.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeAlias, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import AudioError

if TYPE_CHECKING:
    # collections.abc.Buffer is 3.12's; type checkers carry typing_extensions with them.
    from typing_extensions import Buffer

# What is taken: an ndarray has the buffer protocol, though its annotations say so only from 3.12.
AnyBuffer: TypeAlias = "Buffer | NDArray[Any]"
Pcm: TypeAlias = NDArray[np.int16]
Codes: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.floating[Any]]

INT16 = np.dtype(np.int16)
UINT8 = np.dtype(np.uint8)
_WIRE_INT16 = np.dtype("<i2")
_WIRE_FLOAT32 = np.dtype("<f4")
_FLOAT_WIDTHS = (2, 4, 8)
# Formats of PEP 3118 that can be bytes, int16 or float; what else there is, is refused.
_KNOWN_FORMATS = frozenset("bBchefd")


def pcm_array(x: AnyBuffer, what: str = "pcm") -> Pcm:
    """`x` as int16 values in the machine's byte order: a view, unless `x` is big-endian.

    Items of one byte are read as little-endian PCM16; int16 items of either byte order
    are honoured as values, in any shape and with any strides.

    Raises:
        AudioError: an odd number of bytes, bytes in more than one dimension, a scalar.
        TypeError: neither a buffer of bytes nor one of int16.
    """
    if type(x) is bytes and len(x) % 2 == 0:  # the usual case: saves a third of a 20 ms frame's cost
        return np.frombuffer(x, _WIRE_INT16).astype(INT16, copy=False)
    array = _array(x, what)
    if array.dtype is INT16 or array.dtype == INT16:
        return array
    if _is_bytes(array):
        return _reinterpret(array, _WIRE_INT16, what).astype(INT16, copy=False)
    if array.dtype.kind == "i" and array.dtype.itemsize == 2:
        return array.astype(INT16)
    raise _wrong_kind(what, "bytes of PCM16 or int16 samples", array.dtype)


def code_array(x: AnyBuffer, what: str = "codes") -> Codes:
    """`x` as uint8 values, a view in any shape.

    Raises:
        AudioError: a scalar.
        TypeError: its items are not bytes.
    """
    if type(x) is bytes:  # the usual case, as in `pcm_array`
        return np.frombuffer(x, UINT8)
    array = _array(x, what)
    if array.dtype is UINT8 or array.dtype == UINT8:
        return array
    if _is_bytes(array):
        return array.view(UINT8)
    raise _wrong_kind(what, "bytes", array.dtype)


def float_array(x: AnyBuffer, what: str = "x") -> Floats:
    """`x` as float16, float32 or float64 values; bytes are little-endian float32. A view.

    Raises:
        AudioError: bytes that are not whole float32 values, a scalar.
        TypeError: its items are neither bytes nor such floats.
    """
    array = _array(x, what)
    if array.dtype.kind == "f" and array.dtype.itemsize in _FLOAT_WIDTHS:
        return array
    if _is_bytes(array):
        return _reinterpret(array, _WIRE_FLOAT32, what)
    raise _wrong_kind(what, "floats", array.dtype)


def byte_view(x: AnyBuffer, sample_width: int, what: str = "audio") -> memoryview:
    """The bytes of a mono stream as they go on the wire: a flat memoryview of format "B".

    A view wherever the bytes lie in order; a copy of what is strided, reversed or
    big-endian. Any number of bytes passes, so that a stream may be cut within a sample.

    Raises:
        AudioError: more than one dimension, or none.
        TypeError: neither bytes nor, where `sample_width` is 2, int16.
    """
    if type(x) is bytes or type(x) is bytearray:
        return memoryview(x)
    array = _array(x, what)
    if array.ndim != 1:
        raise AudioError(f"{what} must have one dimension, not {array.ndim}")
    if not _is_bytes(array):
        array = _wire_samples(array, sample_width, what)
    return np.ascontiguousarray(array).view(UINT8).data


def flat(samples: Pcm, what: str = "pcm") -> Pcm:
    """`samples` themselves, if they are one channel in one dimension; else AudioError."""
    if samples.ndim != 1:
        raise AudioError(f"{what} must have one dimension, not {samples.ndim}: mix with to_mono first")
    return samples


def check_out(out: object, shape: tuple[int, ...], dtype: DTypeLike, source: NDArray[Any]) -> None:
    """Refuse an `out` that could not hold the result whole, or that is part of `source`.

    Raises:
        AudioError: wrong dtype, byte order or shape; not C-contiguous; read-only; overlap.
        TypeError: not an ndarray.
    """
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an ndarray, not {type(out).__name__}")
    array = cast("NDArray[Any]", out)
    if array.dtype != dtype:
        raise AudioError(f"out must be {np.dtype(dtype)}, not {array.dtype}")
    if array.shape != shape:
        raise AudioError(f"out must have the shape {shape}, not {array.shape}")
    if not (array.flags.c_contiguous and array.flags.writeable and array.flags.aligned):
        raise AudioError("out must be C-contiguous, aligned and writable")
    if np.may_share_memory(array, source):
        raise AudioError("out must not overlap the input")


def whole_number(x: object, what: str) -> int:
    """`x` as an int, if it is one (of Python's or numpy's); a bool is not. Else TypeError."""
    if isinstance(x, SupportsIndex) and not isinstance(x, bool):
        return operator.index(x)
    raise TypeError(f"{what} must be an int, not {type(x).__name__}")


def _array(x: AnyBuffer, what: str) -> NDArray[Any]:
    if type(x) is bytes or type(x) is bytearray:
        return np.frombuffer(x, UINT8)
    array = x if type(x) is np.ndarray else _array_of_any(x, what)
    if not array.ndim:
        raise AudioError(f"{what} must be an array, not a single value")
    return array


def _array_of_any(x: Any, what: str) -> NDArray[Any]:
    if isinstance(x, np.ndarray):
        return np.asarray(x)
    try:
        view = memoryview(x)
    except TypeError:
        raise TypeError(f"{what} must be a buffer or an array, not {type(x).__name__}") from None
    if view.format.lstrip("@=<>!") not in _KNOWN_FORMATS:
        raise TypeError(f"{what} must not have items of format {view.format!r}")
    return np.asarray(view)


def _is_bytes(array: NDArray[Any]) -> bool:
    return array.dtype.itemsize == 1 and array.dtype.kind in "uiS"


def _reinterpret(array: NDArray[Any], dtype: np.dtype[Any], what: str) -> NDArray[Any]:
    if array.ndim != 1:
        raise AudioError(f"{what} must have one dimension as bytes, not {array.ndim}")
    if array.size % dtype.itemsize:
        raise AudioError(
            f"{what}: {array.size} bytes are not a whole number of {dtype.itemsize}-byte samples"
        )
    return np.ascontiguousarray(array).view(dtype)


def _wire_samples(array: NDArray[Any], sample_width: int, what: str) -> NDArray[Any]:
    if sample_width == 2 and array.dtype.kind == "i" and array.dtype.itemsize == 2:
        return array.astype(_WIRE_INT16, copy=False)
    raise _wrong_kind(what, "bytes or int16 samples" if sample_width == 2 else "bytes", array.dtype)


def _wrong_kind(what: str, wanted: str, dtype: np.dtype[Any]) -> TypeError:
    return TypeError(f"{what} must be {wanted}, not {dtype}")
