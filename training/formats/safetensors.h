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
#include "runtime/memory/plain_pieces.h"
#include "runtime/memory/tensor.h"
#include "runtime/platform/file_descriptor.h"

namespace temper::training {

struct SafetensorsFile {
  std::vector<std::pair<std::string, Tensor>> tensors;  // in the order of their bytes
  std::map<std::string, std::string> metadata;

  // Null when there is no such tensor.
  const Tensor* find(std::string_view name) const;
  // Bytes of one of `tensors` from `skip` on, read from the file: looking at a mapped tensor adds
  // its pages to what the process takes, this does not. THROWS: kIo.
  void read(const Tensor& tensor, std::uint64_t skip, std::span<std::byte> out) const;

  std::string path;
  FileDescriptor file;  // not open: of a buffer
  std::shared_ptr<const Buffer> mapped;
};

// One of the tensors of a file, which outlives it: read a piece at a time when it is asked for.
PlainValue plain_value(const SafetensorsFile& file, const Tensor& tensor);

// Maps the file: the tensors are read-only views of it (copies where they are not aligned).
// THROWS: `code` when it breaks a rule of the format, kUnsupported for 8-bit floats and the like.
SafetensorsFile read_safetensors(const std::string& path,
                                 ErrorCode code = ErrorCode::kInvalidModel);
SafetensorsFile decode_safetensors(std::shared_ptr<Buffer> buffer, std::string_view where,
                                   ErrorCode code = ErrorCode::kInvalidModel);

// Whether the format has a name for the type.
bool has_safetensors_type(DType dtype);
// What stands in front of the bytes of these tensors, which follow each other in the order that
// `tensors` has afterwards. THROWS: as write_safetensors().
std::string safetensors_beginning(const std::string& path,
                                  std::vector<std::pair<std::string, PlainValue>>& tensors,
                                  const std::map<std::string, std::string>& metadata);

// Writes atomically. Wide elements come first, then by name, and the bytes begin at a multiple of
// 64, so every tensor is aligned for its type; equal contents give equal files. Returns the SHA-256
// of the file, taken while it is written.
// THROWS: kInvalidArgument for duplicate names or "__metadata__", kUnsupported for opaque bytes.
// COST: holds about a megabyte of the values.
std::string write_safetensors(const std::string& path,
                              const std::vector<std::pair<std::string, PlainValue>>& tensors,
                              const std::map<std::string, std::string>& metadata = {});
std::string write_safetensors(const std::string& path,
                              const std::vector<std::pair<std::string, Tensor>>& tensors,
                              const std::map<std::string, std::string>& metadata = {});

}  // namespace temper::training
