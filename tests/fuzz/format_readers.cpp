// Each reader of training/formats with all that it is asked for afterwards.
#include <array>
#include <vector>

#include "runtime/base/error.h"
#include "tests/fuzz/readers.h"
#include "training/formats/checkpoint_file.h"
#include "training/formats/csv.h"
#include "training/formats/exif.h"
#include "training/formats/gzip.h"
#include "training/formats/idx.h"
#include "training/formats/image_file.h"
#include "training/formats/json.h"
#include "training/formats/json_records.h"
#include "training/formats/manifest.h"
#include "training/formats/npy.h"
#include "training/formats/npz.h"
#include "training/formats/pickle.h"
#include "training/formats/safetensors.h"
#include "training/formats/tokens.h"
#include "training/formats/torch_tensors.h"
#include "training/formats/zip_archive.h"

namespace temper::training {
namespace {

using test::FuzzedReader;
using test::FuzzInput;

constexpr std::string_view kIndexed = "tensors.safetensors";

// One tensor at a time, as `temper convert` does; a damaged one does not keep the others.
void read_values(const CheckpointFile& file) {
  for (const UnreadTensor& tensor : file.tensors) {
    try {
      const Tensor values = tensor.read();
      TEMPER_ASSERT(values.dtype() == tensor.dtype && values.shape() == tensor.shape,
                    "a tensor is not what was announced");
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kInvalidModel && error.code() != ErrorCode::kInvalidData &&
          error.code() != ErrorCode::kUnsupported) {
        throw;
      }
    }
  }
}

// Storages of any key: what a pickle says of its tensors is checked against them.
class OneStorage final : public TorchStorages {
 public:
  explicit OneStorage(std::size_t bytes) : buffer_(Buffer::allocate(bytes, "a storage")) {}
  std::uint64_t bytes(const std::string&) const override { return buffer_->bytes(); }
  std::shared_ptr<Buffer> read(const std::string&, std::uint64_t& offset) const override {
    offset = 0;
    return buffer_;
  }

 private:
  std::shared_ptr<Buffer> buffer_;
};

void read_pickle(const FuzzInput& input) {
  const std::uint64_t memory = checkpoint_memory(input.bytes().size());
  const Pickle pickle(input.bytes(), "pickle", memory);
  CheckpointFile file;
  add_torch_tensors(pickle, std::make_shared<const OneStorage>(std::size_t{256}), "pickle", memory,
                    file);
  read_values(file);
}

void read_torch_archive(const FuzzInput& input) { read_values(read_torch_zip(input.file("a.pt"))); }

void read_torch_before_16(const FuzzInput& input) {
  read_values(read_torch_legacy(input.file("a.pt")));
}

void read_members(const FuzzInput& input) {
  const ZipArchive archive(input.file("a.zip"));
  for (std::size_t i = 0; i < archive.entries().size(); ++i) {
    archive.read(i);
  }
}

void read_arrays(const FuzzInput& input) {
  const NpzFile file(input.file("a.npz"));
  for (const std::string& name : file.names()) {
    if (!file.read_texts(name)) {
      file.read(name);
    }
  }
}

void read_array(const FuzzInput& input) {
  const std::string path = input.file("a.npy");
  if (!decode_npy_texts(input.bytes(), path)) {
    read_npy(path);
  }
}

void read_safe(const FuzzInput& input) {
  const SafetensorsFile file = read_safetensors(input.file("a.safetensors"));
  for (const auto& [name, tensor] : file.tensors) {
    plain_value(file, tensor).for_each_piece([](std::span<const std::byte>) {});
  }
}

void read_index_of(const FuzzInput& input) {
  // The header of two tensors, and their bytes.
  constexpr std::string_view kHeader = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                                       R"("b":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}})";
  static_assert(kHeader.size() < 256);
  const std::string length = {static_cast<char>(kHeader.size()), 0, 0, 0, 0, 0, 0, 0};
  input.put_beside(kIndexed, concat(length, kHeader, "123456789"));
  read_values(read_checkpoint_file(input.file("a.index.json")));
}

void read_llama(const FuzzInput& input) { read_values(read_gguf(input.file("a.gguf"))); }

// By what it begins with.
void read_any(const FuzzInput& input) {
  read_values(read_checkpoint_file(input.file("a.checkpoint")));
}

void read_json(const FuzzInput& input) { parse_json(input.text(), "json").text(); }

void read_records(const FuzzInput& input) {
  for (const std::string_view name : {"a.jsonl", "a.json"}) {
    JsonRecords(input.file(name)).each([](const JsonValue&, std::int64_t) {});
  }
}

void read_manifest(const FuzzInput& input) {
  input.put_beside("a.bin", std::string(64, '\1'));
  const Manifest manifest(input.file("a.manifest.json"));
  for (const std::string& name : manifest.names()) {
    manifest.read(name);
  }
}

void read_table(const FuzzInput& input) {
  CsvReader reader(input.file("a.csv"), {});
  std::vector<std::string_view> cells;
  while (reader.next(cells)) {
    for (const std::string_view cell : cells) {
      reader.is_missing(cell);
      reader.number(cell);
    }
  }
}

void read_idx_array(const FuzzInput& input) { read_idx(input.file("a.idx")); }

void read_compressed(const FuzzInput& input) { gunzip(input.bytes(), "a.gz"); }

void read_picture(const FuzzInput& input) {
  const Picture picture = decode_image(input.bytes(), 3, "picture");
  upright(picture, exif_orientation(input.bytes()));
}

void read_class_picture(const FuzzInput& input) { decode_classes(input.bytes(), "picture"); }

void read_token_file(const FuzzInput& input) { read_tokens(input.file("a.bin"), {}); }

// Deflate makes up to 1032 bytes of one, and what is compressed so is data: zeros, above all.
constexpr std::uint64_t kDeflated = 1032 + 4;
// libzip makes room for 65536 members once, where the directory's count of them is 0.
constexpr std::uint64_t kZipBytes = std::uint64_t{4} << 20;
// Values of JSON as such: "1," becomes 40 bytes in a list that doubles. What is read whole has a
// most of its own; a tensor file's header is read a member at a time.
constexpr std::uint64_t kJson = 72;
// A row of nothing but cells: 16 bytes each in a list that doubles, and the names of its columns.
constexpr std::uint64_t kCells = 96;
// The pixels of a picture are bounded by kMostPixels: its format packs without a bound.
constexpr std::uint64_t kPixels = 1 << 20;

constexpr std::array<FuzzedReader, 19> kReaders = {{
    {"pickle", read_pickle},
    {"torch_zip", read_torch_archive, 4, kZipBytes},
    {"torch_legacy", read_torch_before_16},
    {"zip", read_members, kDeflated, kZipBytes},
    {"npz", read_arrays, kDeflated, kZipBytes},
    {"npy", read_array},
    {"safetensors", read_safe},
    {"index", read_index_of, kJson},
    {"gguf", read_llama},
    {"checkpoint", read_any, kDeflated, kZipBytes},
    {"json", read_json, kJson},
    {"records", read_records, kJson},
    {"manifest", read_manifest, kJson},
    {"csv", read_table, kCells},
    {"idx", read_idx_array, kDeflated},
    {"gzip", read_compressed, kDeflated},
    {"picture", read_picture, kPixels},
    {"classes", read_class_picture, kPixels},
    {"tokens", read_token_file},
}};

}  // namespace
}  // namespace temper::training

namespace temper::test {

std::span<const FuzzedReader> format_readers() { return training::kReaders; }

}  // namespace temper::test
