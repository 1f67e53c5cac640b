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
