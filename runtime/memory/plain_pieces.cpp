#include "runtime/memory/plain_pieces.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "runtime/memory/axis_offsets.h"

namespace temper {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;  // stays in a cache

// Elements of so many bytes, whatever they mean.
template <class Bits>
void pieces_of(const Tensor& tensor, const std::function<void(std::span<const std::byte>)>& take) {
  const std::vector<AxisOffsets> axes = offsets_of_axes(tensor.shape(), tensor.layout(), {});
  const auto* in = static_cast<const Bits*>(tensor.data());
  const std::vector<std::int64_t>& inner = axes.back().source;
  std::vector<Bits> piece;
  piece.reserve(kPieceBytes / sizeof(Bits) + inner.size());
  const auto give = [&] {
    take(std::as_bytes(std::span(piece)));
    piece.clear();
  };
  // Rows of the inner axes, in order.
  const auto walk = [&](const auto& self, std::size_t axis, std::int64_t base) -> void {
    if (axis + 1 < axes.size()) {
      for (const std::int64_t offset : axes[axis].source) {
        self(self, axis + 1, base + offset);
      }
      return;
    }
    const std::size_t begin = piece.size();
    piece.resize(begin + inner.size());
    for (std::size_t i = 0; i < inner.size(); ++i) {
      piece[begin + i] = in[base + inner[i]];
    }
    if (piece.size() * sizeof(Bits) >= kPieceBytes) {
      give();
    }
  };
  walk(walk, 0, 0);
  give();
}

}  // namespace

std::int64_t plain_bytes(const Tensor& tensor) {
  return storage_bytes(tensor.dtype(), tensor.shape(), {});
}

void for_each_plain_piece(const Tensor& tensor,
                          const std::function<void(std::span<const std::byte>)>& take) {
  if (tensor.element_count() == 0) {
    return;
  }
  if (tensor.layout().plain) {
    std::span bytes(static_cast<const std::byte*>(tensor.data()),
                    static_cast<std::size_t>(tensor.bytes()));
    while (!bytes.empty()) {
      take(bytes.first(std::min(kPieceBytes, bytes.size())));
      bytes = bytes.subspan(std::min(kPieceBytes, bytes.size()));
    }
    return;
  }
  switch (size_of(tensor.dtype())) {
    case 1:
      pieces_of<std::uint8_t>(tensor, take);
      break;
    case 2:
      pieces_of<std::uint16_t>(tensor, take);
      break;
    case 4:
      pieces_of<std::uint32_t>(tensor, take);
      break;
    default:
      pieces_of<std::uint64_t>(tensor, take);
  }
}

}  // namespace temper
