#!/usr/bin/env python3
"""Writes tests/training/fixtures/: small data files as NumPy, gzip and TensorBoard write them.

Run: python tools/oracle/data_fixtures.py   (needs numpy and tensorboard)
The arrays are counting patterns, so that the tests state the expected values themselves.
"""
import gzip
import io
import json
import pathlib
import struct
import zipfile

import numpy as np

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "training" / "fixtures"


def counted(shape, dtype):
    return np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape).astype(dtype)


def npy_files():
    for code in ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]:
        np.save(OUT / f"{code}.npy", counted((2, 3), code))
        np.save(OUT / f"{code}_big.npy", counted((2, 3), ">" + code))
    np.save(OUT / "bool.npy", np.array([[True, False, True]]))
    np.save(OUT / "fortran.npy", np.asfortranarray(counted((2, 3, 4), "f4")))
    np.save(OUT / "fortran_big.npy", np.asfortranarray(counted((4, 3), ">i8")))
    np.save(OUT / "fortran_vector.npy", np.asfortranarray(counted((5,), "f8")))
    np.save(OUT / "scalar.npy", np.array(7.5, "f8"))
    np.save(OUT / "empty.npy", np.zeros((0, 3), "f4"))
    for version in [(2, 0), (3, 0)]:
        with open(OUT / f"version{version[0]}.npy", "wb") as file:
            np.lib.format.write_array(file, counted((2, 2), "f4"), version=version)
    np.save(OUT / "complex.npy", np.zeros(2, "c8"))
    np.save(OUT / "text.npy", np.array(["a", "bc"]))
    np.savez(OUT / "classes.npz", x=np.arange(6, dtype="f4").reshape(3, 2), target=np.arange(3),
             classes=np.array(["ant", "b\u00e9e", "\u732b"]))
    np.save(OUT / "record.npy", np.zeros(2, [("a", "f4"), ("b", "i4")]))
    np.save(OUT / "object.npy", np.array([{"a": 1}], dtype=object))


def zip_of(name, compress, arrays):
    """As np.savez, with a fixed time stamp."""
    kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(OUT / name, "w") as archive:
        for key, array in arrays.items():
            data = io.BytesIO()
            np.save(data, array)
            info = zipfile.ZipInfo(key + ".npy", (1980, 1, 1, 0, 0, 0))
            info.compress_type = kind
            with archive.open(info, "w", force_zip64=True) as member:  # np.savez does so
                member.write(data.getvalue())


def npz_files():
    arrays = {
        "x": counted((6, 4), "f4"),
        "target": np.array([0, 1, 2, 0, 1, 2], "i8"),
    }
    zip_of("stored.npz", False, arrays)
    zip_of("deflated.npz", True, {**arrays, "zeros": np.zeros((50, 50), "f4")})


def idx_bytes(code, array):
    head = struct.pack(">BBBB", 0, 0, code, array.ndim)
    head += struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def idx_files():
    images = counted((4, 2, 3), "u1") * 10
    with open(OUT / "tiny-images-idx3-ubyte.gz", "wb") as file:
        file.write(gzip.compress(idx_bytes(0x08, images), mtime=0))
    (OUT / "tiny-labels-idx1-ubyte").write_bytes(idx_bytes(0x08, np.array([3, 1, 0, 2], "u1")))
    (OUT / "i16.idx").write_bytes(idx_bytes(0x0B, counted((2, 3), "i2") - 3))
    (OUT / "f32.idx").write_bytes(idx_bytes(0x0D, counted((2, 3), "f4") / 4))


def safetensors_file():
    """By the format's definition: a length, a JSON header, the bytes."""
    half = np.array([1.5, -2], "f2").tobytes()
    single = counted((2, 3), "f4").tobytes()
    header = {
        "__metadata__": {"format": "pt"},
        "b.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [4, 28]},
        "a.bias": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]},
    }
    text = json.dumps(header).encode()
    (OUT / "small.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + half + single)


def event_file():
    from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2
    from tensorboard.summary.writer.record_writer import RecordWriter

    def summary(step, **fields):
        value = summary_pb2.Summary.Value(**fields)
        return event_pb2.Event(
            wall_time=1.5e9, step=step, summary=summary_pb2.Summary(value=[value]))

    text = tensor_pb2.TensorProto(
        dtype=7,
        tensor_shape=tensor_shape_pb2.TensorShapeProto(
            dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)]),
        string_val=[b"**hello**"])
    plugin = summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="text"))
    histogram = summary_pb2.HistogramProto(
        min=1, max=4, num=3, sum=7, sum_squares=21, bucket_limit=[2, 8], bucket=[2, 1])
    image = summary_pb2.Summary.Image(
        height=2, width=300, colorspace=3, encoded_image_string=b"PNG!")
    events = [
        event_pb2.Event(wall_time=1.5e9, file_version="brain.Event:2"),
        event_pb2.Event(wall_time=1.5e9, step=120, session_log=event_pb2.SessionLog(status=1)),
        summary(120, tag="loss", simple_value=0.25),
        summary(300, tag="notes", tensor=text, metadata=plugin),
        summary(300, tag="weights", histo=histogram),
        summary(1 << 40, tag="chart", image=image),
    ]
    with open(OUT / "golden.tfevents", "wb") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString())


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    npy_files()
    npz_files()
    idx_files()
    safetensors_file()
    event_file()
