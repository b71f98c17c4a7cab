// The safetensors format: a length, a JSON header, the tensors' bytes without gaps.
// https://huggingface.co/docs/safetensors
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/memory/tensor.h"

namespace temper::training {

struct SafetensorsFile {
  std::vector<std::pair<std::string, Tensor>> tensors;  // in the order of their bytes
  std::map<std::string, std::string> metadata;

  // Null when there is no such tensor.
  const Tensor* find(std::string_view name) const;
};

// Maps the file: the tensors are read-only views of it (copies where they are not aligned).
// THROWS: `code` when it breaks a rule of the format, kUnsupported for 8-bit floats and the like.
SafetensorsFile read_safetensors(const std::string& path,
                                 ErrorCode code = ErrorCode::kInvalidModel);
SafetensorsFile decode_safetensors(std::shared_ptr<Buffer> buffer, std::string_view where,
                                   ErrorCode code = ErrorCode::kInvalidModel);

// Writes atomically. Wide elements come first, then by name, and the bytes begin at a multiple of
// 64, so every tensor is aligned for its type; equal contents give equal files. Returns the SHA-256
// of the file, taken while it is written.
// THROWS: kInvalidArgument for duplicate names or "__metadata__", kUnsupported for opaque bytes.
std::string write_safetensors(const std::string& path,
                              const std::vector<std::pair<std::string, Tensor>>& tensors,
                              const std::map<std::string, std::string>& metadata = {});

}  // namespace temper::training
