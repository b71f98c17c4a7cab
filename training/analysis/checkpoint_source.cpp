#include "training/analysis/checkpoint_source.h"

#include <algorithm>
#include <map>
#include <memory>

#include "runtime/base/error.h"
#include "runtime/platform/folders.h"
#include "training/records/checkpoint.h"

namespace temper::training {
namespace {

Tensor whole(const PlainValue& value) {
  Tensor tensor(value.dtype, value.shape, {}, "a tensor of a checkpoint");
  auto* to = static_cast<std::byte*>(tensor.data());
  value.for_each_piece(
      [&](std::span<const std::byte> piece) { to = std::copy(piece.begin(), piece.end(), to); });
  return tensor;
}

CheckpointFile read_run(const std::string& folder) {
  CheckpointFile file;
  const auto saved =
      std::make_shared<const SavedTensors>(read_newest_checkpoint(folder, file.notes));
  file.format = "Temper run";
  const auto add = [&](const std::map<std::string, PlainValue>& values, std::string_view front) {
    for (const auto& [name, value] : values) {
      file.tensors.push_back({concat(front, name), value.dtype, value.shape,
                              [saved, &value] { return whole(value); }});
    }
  };
  add(saved->weights, "");
  add(saved->averages, "average.");
  return file;
}

}  // namespace

CheckpointFile read_checkpoint(const std::string& path) {
  return file_status(path).is_folder ? read_run(path) : read_checkpoint_file(path);
}

}  // namespace temper::training
