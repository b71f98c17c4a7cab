// Large weights inside an .onnx file are not parsed: a message without their bytes is, and the
// bytes stay in the file until they are wanted (held_at of onnx.proto). Without this a model of W
// bytes would take W for as long as it is open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace temper::graph {

// Tensors of so many bytes stay in the file they are in.
inline constexpr std::int64_t kLeftInFileBytes = std::int64_t{1} << 16;

// The model without the raw data of its large initializers, each of which says where it is in
// `file` in its place; nothing when it has none. REQUIRES: scan_wire() took the file.
std::optional<std::string> without_large_data(std::span<const std::byte> file);

}  // namespace temper::graph
