# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
"""Wrote the HDF5 files beside it: one tiny model, stored in all the ways a file may store it. Needs h5py.

Number i of tensor t, both from 0, is ((31 t + 7 i) mod 129 - 64) / 64: exact in 16 bits.
"""
import h5py
import numpy as np


def shapes(e):
    yield from [("char_embed", (261, e)), ("CNN/W_cnn_0", (1, 1, e, 1)), ("CNN/b_cnn_0", (1,)),
                ("CNN/W_cnn_1", (1, 2, e, 2)), ("CNN/b_cnn_1", (2,)),
                ("CNN_high_0/W_carry", (3, 3)), ("CNN_high_0/b_carry", (3,)),
                ("CNN_high_0/W_transform", (3, 3)), ("CNN_high_0/b_transform", (3,)),
                ("CNN_proj/W_proj", (3, 2)), ("CNN_proj/b_proj", (2,))]
    for r in range(2):
        p = f"RNN_{r}/RNN/MultiRNNCell/Cell0/LSTMCell/"
        yield from [(p + "W_0", (4, 20)), (p + "B", (20,)), (p + "W_P_0", (5, 2))]


def write(file, dtype, options={}, rename=lambda name: name, e=2, **file_options):
    with h5py.File(file, "w", **file_options) as f:
        for t, (name, shape) in enumerate(shapes(e)):
            i = np.arange(np.prod(shape))
            values = ((31 * t + 7 * i) % 129 - 64) / 64
            f.create_dataset(rename(name), data=values.reshape(shape).astype(dtype), **options)


write("float32.hdf5", "<f4")
write("float16.hdf5", "<f2")
write("float64.hdf5", "<f8")
write("big-endian.hdf5", ">f4")
write("chunked.hdf5", "<f4", dict(chunks=True))
write("gzip-shuffle.hdf5", "<f8", dict(compression="gzip", shuffle=True))
write("latest.hdf5", "<f4", libver="latest")
write("user-block.hdf5", "<f4", userblock_size=1024)
write("one-layer-names.hdf5", "<f4", rename=lambda name: name.replace("MultiRNNCell/Cell0/", ""))
write("integers.hdf5", "<i4")
# More numbers, in many chunks, than are read at once.
write("embedding-6000.hdf5", "<f2", dict(compression="gzip", compression_opts=9), e=6000)


def rewrite(file, change, **file_options):
    """The same tensors, each stored by change(file, name, values)."""
    with h5py.File(file, "w", **file_options) as f:
        for t, (name, shape) in enumerate(shapes(2)):
            i = np.arange(np.prod(shape))
            change(f, name, (((31 * t + 7 * i) % 129 - 64) / 64).reshape(shape).astype("<f4"))


def compact(f, name, values):
    space = h5py.h5s.create_simple(values.shape)
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.COMPACT)
    links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    h5py.h5d.create(f.id, name.encode(), h5py.h5t.IEEE_F32LE, space, properties, links).write(
        h5py.h5s.ALL, h5py.h5s.ALL, values)


def soft(f, name, values):
    """Groups and datasets behind links, one absolute, one relative, one to a link."""
    stored = "stored/" + name.replace("RNN_1", "backward")
    f.create_dataset(stored, data=values)
    if name.startswith("RNN_1"):
        if "RNN_1" not in f:
            f["RNN_1"] = h5py.SoftLink("stored/backward")
    elif name == "char_embed":
        f["second"] = h5py.SoftLink("/stored/char_embed")
        f["char_embed"] = h5py.SoftLink("./second")
    else:
        f[name] = h5py.SoftLink("/" + stored)


def resizable(f, name, values):
    maximum = tuple(None if i < 2 else n for i, n in enumerate(values.shape))
    f.create_dataset(name, data=values, chunks=tuple(max(1, n // 2) for n in values.shape), maxshape=maximum)


def outside(f, name, values):
    if name == "char_embed":
        f[name] = h5py.ExternalLink("outside.hdf5", "/char_embed")
    else:
        f.create_dataset(name, data=values)


def circle(f, name, values):
    if name == "char_embed":
        f["a"] = h5py.SoftLink("b")
        f["b"] = h5py.SoftLink("a")
        f[name] = h5py.SoftLink("a")
    else:
        f.create_dataset(name, data=values)


def sparse(f, name, values):
    if name == "char_embed":
        f.create_dataset(name, shape=values.shape, dtype="<f4", chunks=(87, 2))[:87] = values[:87]
    else:
        f.create_dataset(name, data=values)


def wide(f, name, values):
    """Chunks that reach far beyond their dataset: 78 MB of zeros for 2 KB of numbers."""
    if name == "char_embed":
        f.create_dataset(name, data=values, chunks=(9, 75000), maxshape=(None, None), compression="gzip",
                         compression_opts=9)
    else:
        f.create_dataset(name, data=values)


rewrite("compact.hdf5", compact)
rewrite("wide-chunks.hdf5", wide)
rewrite("soft-links.hdf5", soft)
rewrite("resizable.hdf5", resizable)
rewrite("resizable-latest.hdf5", resizable, libver=("v110", "v110"))
rewrite("links-dense.hdf5", lambda f, name, values: [
    f.create_dataset(name, data=values),
    [f.create_group(f"other{i}") for i in range(12)] if name == "char_embed" else None], libver=("v110", "v110"))
rewrite("external-link.hdf5", outside)
rewrite("circular-links.hdf5", circle)
rewrite("sparse.hdf5", sparse)
write("lzf-fletcher.hdf5", "<f4", dict(compression="lzf", shuffle=True, fletcher32=True))
rewrite("chunked-latest.hdf5", lambda f, name, values: f.create_dataset(
    name, data=values, chunks=tuple(max(1, n // 2) for n in values.shape), compression="gzip"), libver=("v110", "v110"))
