"""A weights file of Keras, refused if it reaches beyond itself or unpacks to more than it is."""

import io
from typing import Any

import h5py

MAX_DEPTH, MAX_ITEMS = 16, 20_000


def check_weights_file(data: bytes) -> None:
    """Refuse links to elsewhere, data that lie elsewhere, and data that are compressed.

    Raises
    ------
    ValueError
        If there is such a thing, or more data than bytes.
    """
    with h5py.File(io.BytesIO(data), "r") as file:
        datasets = list(_datasets(file, [0]))
        for dataset in datasets:
            _check_dataset(dataset)
        if sum(dataset.size * dataset.dtype.itemsize for dataset in datasets) > len(data):
            raise ValueError("its weights take more bytes than it has")


def _datasets(group: Any, seen: list[int], depth: int = 0) -> Any:
    """Yield every dataset in a group and the groups inside."""
    for name in group:
        seen[0] += 1
        if depth > MAX_DEPTH or seen[0] > MAX_ITEMS:
            raise ValueError("its weights are nested too deeply")
        if type(group.get(name, getlink=True)) is not h5py.HardLink:
            raise ValueError(f"its weights hold a link, {name!r:.80}")
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _datasets(item, seen, depth + 1)
        elif isinstance(item, h5py.Dataset):
            yield item
        else:
            raise ValueError(f"its weights hold {name!r:.80}, no array")


def _check_dataset(dataset: Any) -> None:
    is_elsewhere = dataset.external or dataset.is_virtual
    is_packed = dataset.id.get_create_plist().get_nfilters() or dataset.chunks
    if is_elsewhere or is_packed or dataset.dtype.kind not in "fiub":
        raise ValueError(f"its weights hold an array that lies elsewhere, {dataset.name!r:.80}")
