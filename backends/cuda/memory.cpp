#include "backends/cuda/memory.h"

#include <algorithm>
#include <cstring>

#include "backends/cuda/stream.h"
#include "runtime/base/alignment.h"
#include "runtime/base/error.h"
#include "runtime/memory/buffer.h"

namespace temper::cuda {
namespace {

constexpr std::size_t kRingBytes = std::size_t{16} << 20;
// No copy takes more of the ring at once, so that the next one is written while it goes.
constexpr std::size_t kPieceBytes = kRingBytes / 4;

std::byte* pinned(std::size_t bytes) { return static_cast<std::byte*>(allocate_pinned(bytes)); }

}  // namespace

StagingRing::StagingRing(std::size_t bytes) : bytes_(bytes), ring_(pinned(bytes)) {}

StagingRing::~StagingRing() {
  for (const Part& part : parts_) {
    close(part.over);
  }
  release_pinned(ring_);
}

// The place of a part: behind the last one, or at the beginning. Parts in its way are waited for.
std::size_t StagingRing::make_room(std::size_t bytes) {
  const std::size_t begin = next_ + bytes > bytes_ ? 0 : next_;
  const auto in_the_way = [&](const Part& part) {
    return part.begin < begin + bytes && begin < part.end;
  };
  while (std::any_of(parts_.begin(), parts_.end(), in_the_way)) {
    synchronize(parts_.front().over);
    close(parts_.front().over);
    parts_.pop_front();
  }
  next_ = begin + bytes;
  return begin;
}

void StagingRing::copy_in(std::byte* to, const std::byte* from, std::size_t bytes,
                          StreamHandle stream) {
  for (std::size_t at = 0; at < bytes; at += kPieceBytes) {
    const std::size_t piece = std::min(kPieceBytes, bytes - at);
    const std::size_t begin = make_room(aligned_bytes(piece));
    std::memcpy(ring_ + begin, from + at, piece);
    cuda::copy_in(to + at, ring_ + begin, piece, stream);
    parts_.push_back({begin, begin + aligned_bytes(piece), make_event()});
    record(parts_.back().over, stream);
  }
}

CudaMemory::CudaMemory() : ring_(kRingBytes), landing_(pinned(kPieceBytes)) {}

CudaMemory::~CudaMemory() { release_pinned(landing_); }

void* allocate_for(const char* purpose, std::size_t bytes) {
  void* data = allocate(bytes);
  if (data == nullptr) {
    const MemoryFigures figures = memory_figures();
    fail(ErrorCode::kOutOfMemory, "the device has no ", bytes, " bytes for ", purpose, ": ",
         figures.free_bytes, " of ", figures.total_bytes,
         " are free; a smaller data.batch_size takes less (train.accumulate makes up for it), and "
         "so does train.precision = \"bf16\"");
  }
  return data;
}

std::byte* CudaMemory::allocate(std::size_t bytes, const char* purpose) {
  // Kernels read whole vectors, and nothing has an address of its own.
  return static_cast<std::byte*>(
      allocate_for(purpose, aligned_bytes(std::max<std::size_t>(bytes, 1))));
}

void CudaMemory::release(std::byte* data, std::size_t bytes) noexcept {
  cuda::release(data, aligned_bytes(std::max<std::size_t>(bytes, 1)));
}

std::shared_ptr<Buffer> CudaMemory::make_host_buffer(std::size_t bytes, const char*) {
  const std::size_t needed = aligned_bytes(std::max<std::size_t>(bytes, 1));
  std::byte* data = pinned(needed);
  return Buffer::wrap(data, bytes, std::shared_ptr<const void>(data, [](const void* block) {
                        release_pinned(const_cast<void*>(block));
                      }));
}

void CudaMemory::copy_in(std::byte* to, const void* from, std::size_t bytes, Stream& stream) {
  ring_.copy_in(to, static_cast<const std::byte*>(from), bytes, handle_of(stream));
}

void CudaMemory::copy_out(void* to, const std::byte* from, std::size_t bytes, Stream& stream) {
  if (bytes == 0) {
    return;
  }
  if (is_pinned(to, bytes)) {
    cuda::copy_out(to, from, bytes, handle_of(stream));
    return;
  }
  for (std::size_t at = 0; at < bytes; at += kPieceBytes) {
    const std::size_t piece = std::min(kPieceBytes, bytes - at);
    cuda::copy_out(landing_, from + at, piece, handle_of(stream));
    synchronize(handle_of(stream));
    std::memcpy(static_cast<std::byte*>(to) + at, landing_, piece);
  }
}

void CudaMemory::copy_within(std::byte* to, const std::byte* from, std::size_t bytes,
                             Stream& stream) {
  if (bytes > 0) {
    cuda::copy_within(to, from, bytes, handle_of(stream));
  }
}

void CudaMemory::zero(std::byte* to, std::size_t bytes, Stream& stream) {
  if (bytes > 0) {
    fill_zero(to, bytes, handle_of(stream));
  }
}

}  // namespace temper::cuda
