// Which reader a file is for, and those that need no more than the format's own reader.
#include "training/formats/checkpoint_file.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "training/formats/json.h"
#include "training/formats/mapped_buffer.h"
#include "training/formats/npz.h"
#include "training/formats/safetensors.h"
#include "training/formats/zip_archive.h"

namespace temper::training {
namespace {

constexpr std::uint64_t kMostIndexBytes = std::uint64_t{64} << 20;
constexpr std::size_t kBeginning = 16;

void add_safetensors(SafetensorsFile file, CheckpointFile& out) {
  const auto shared = std::make_shared<const SafetensorsFile>(std::move(file));
  for (const auto& [name, tensor] : shared->tensors) {
    out.tensors.push_back(
        {name, tensor.dtype(), tensor.shape(), [shared, tensor] { return tensor; }});
  }
}

// {"weight_map": {"name": "file"}}: each file once, and all of its tensors that the map names.
CheckpointFile read_index(const std::string& path) {
  const JsonValue index =
      parse_json(read_text_file(path, kMostIndexBytes), path, ErrorCode::kInvalidModel);
  const JsonValue* map = index.find("weight_map");
  TEMPER_CHECK(map != nullptr && map->is_object(), ErrorCode::kInvalidModel, path,
               " has no \"weight_map\": no index of safetensors files");
  std::set<std::string> files, wanted;
  for (const JsonMember& member : map->as_object("weight_map")) {
    TEMPER_CHECK(member.value.is_string(), ErrorCode::kInvalidModel, path, ": the file of '",
                 member.key, "' is no text");
    files.insert(member.value.as_string(member.key));
    wanted.insert(member.key);
  }
  CheckpointFile out;
  out.format = concat("safetensors, ", files.size(), files.size() == 1 ? " file" : " files");
  for (const std::string& name : files) {
    TEMPER_CHECK(name.ends_with(".safetensors"), ErrorCode::kUnsupported, path, " names '", name,
                 "'; indices of safetensors files are read");
    const std::string shown = join_path(folder_of(path), name);
    add_safetensors(decode_safetensors(map_buffer_beneath(folder_of(path), name), shown), out);
  }
  std::set<std::string> found;
  std::erase_if(out.tensors, [&](const UnreadTensor& tensor) {
    return !wanted.contains(tensor.name) || !found.insert(tensor.name).second;
  });
  for (const std::string& name : wanted) {
    TEMPER_CHECK(found.contains(name), ErrorCode::kInvalidModel, path, " names the tensor '", name,
                 "', which its files do not have");
  }
  return out;
}

CheckpointFile read_npz_arrays(const std::string& path) {
  const auto file = std::make_shared<const NpzFile>(path);
  CheckpointFile out;
  out.format = "NumPy archive";
  for (const std::string& name : file->names()) {
    if (file->read_texts(name)) {
      continue;
    }
    const Tensor tensor = file->read(name);  // for its type; read again when it is wanted
    out.tensors.push_back(
        {name, tensor.dtype(), tensor.shape(), [file, name] { return file->read(name); }});
  }
  return out;
}

CheckpointFile read_zip(const std::string& path) {
  const ZipArchive archive(path);
  const auto has = [&](std::string_view end) {
    return std::any_of(
        archive.entries().begin(), archive.entries().end(),
        [&](const ZipEntry& one) { return std::string_view(one.name).ends_with(end); });
  };
  return !has("data.pkl") && has(".npy") ? read_npz_arrays(path) : read_torch_zip(path);
}

std::string beginning_of(const std::string& path) {
  std::uint64_t bytes = 0;
  const FileDescriptor file = open_file(path, bytes);
  std::string text(std::min<std::uint64_t>(bytes, kBeginning), '\0');
  read_at(file, 0, std::as_writable_bytes(std::span(text)), path);
  return text;
}

}  // namespace

CheckpointFile read_checkpoint_file(const std::string& path) {
  using namespace std::string_view_literals;
  const std::string begin = beginning_of(path);
  const auto is = [&](std::string_view magic) { return begin.starts_with(magic); };
  if (is("PK")) {
    return read_zip(path);
  }
  if (is("GGUF")) {
    return read_gguf(path);
  }
  constexpr std::string_view kLegacy = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv;
  if (begin.size() > 2 && begin[0] == '\x80' &&
      std::string_view(begin).substr(2).starts_with(kLegacy)) {
    return read_torch_legacy(path);
  }
  TEMPER_CHECK(!is("\x80"), ErrorCode::kUnsupported, path,
               " is a pickle that torch.save did not write; save the tensors with "
               "torch.save(model.state_dict(), ...)");
  TEMPER_CHECK(!is("\x89HDF"), ErrorCode::kUnsupported, path,
               " is an HDF5 file (Keras), which is not read; save its arrays as .npz");
  if (is("{")) {
    return read_index(path);
  }
  TEMPER_CHECK(begin.size() > 8 && begin[8] == '{', ErrorCode::kUnsupported, path,
               " is no file of weights that Temper reads: PyTorch's (.pt, .pth, .ckpt, .bin), "
               ".safetensors or its index, .npz, GGUF");
  CheckpointFile out;
  out.format = "safetensors";
  add_safetensors(read_safetensors(path), out);
  return out;
}

}  // namespace temper::training
