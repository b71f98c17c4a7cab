#include "graph/onnx/file_tensor.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "runtime/base/dtype.h"

namespace temper::graph {

SharedValue make_file_tensor(SharedFiles files, ExternalRange range, const TensorHeader& header) {
  return std::make_shared<const FileTensor>(std::move(files), std::move(range), header);
}

void FileTensor::read(std::int64_t first, std::span<std::byte> out) const {
  const std::size_t narrow = header_.file_element_bytes;
  const std::size_t wide = size_of(header_.dtype);
  auto at = static_cast<std::uint64_t>(first) * narrow;
  if (narrow == wide) {
    files_->read(range_, at, out);
    return;
  }
  constexpr std::size_t kElements = 1 << 18;
  std::vector<std::byte> raw(std::min(kElements, out.size() / wide) * narrow);
  while (!out.empty()) {
    const std::size_t count = std::min(kElements, out.size() / wide);
    const std::span<std::byte> piece(raw.data(), count * narrow);
    files_->read(range_, at, piece);
    decode_floats(header_.file_type, piece, out.first(count * wide));
    at += piece.size();
    out = out.subspan(count * wide);
  }
}

}  // namespace temper::graph
