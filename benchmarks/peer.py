"""What a Python user does today: load a checkpoint with one reference library, save it with another.

    python peer.py SOURCE DESTINATION

Only what the conversion needs is imported. Formats by extension: .safetensors, .pt, .h5 (data sets named like the
tensors, with dots as slashes).
"""

import sys


def load(path):
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(path)
    if path.endswith(".pt"):
        import torch

        return torch.load(path, weights_only=True, mmap=True)
    import h5py
    import torch

    state = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, found: state.update({name.replace("/", "."): torch.from_numpy(found[()])})
                        if isinstance(found, h5py.Dataset) else None)
    return state


def save(state, path):
    if path.endswith(".safetensors"):
        from safetensors.torch import save_file

        save_file(state, path, metadata={"format": "pt"})
    elif path.endswith(".pt"):
        import torch

        torch.save(state, path)
    else:
        import h5py

        with h5py.File(path, "w") as file:
            for name, tensor in state.items():
                file.create_dataset(name.replace(".", "/"), data=tensor.numpy())


if __name__ == "__main__":
    save(load(sys.argv[1]), sys.argv[2])
