// A copy between two views of plain memory, each with a step per axis: what Transpose, Expand,
// Slice, Concat, Tile and Pad do. Elements are moved by their size, in runs, rows of one element or
// square tiles, whichever the steps allow.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/base/shape.h"

namespace temper::cpu {

// Steps in elements.
struct CopyAxis {
  std::int64_t dim = 1;
  std::int64_t from = 0;
  std::int64_t to = 0;
};

class StridedCopy {
 public:
  explicit StridedCopy(std::size_t element_bytes) : element_bytes_(element_bytes) {}

  // Axes in any order; no two indices may name one element of the target.
  void add_axis(std::int64_t dim, std::int64_t from, std::int64_t to);
  // Both views begin at these elements.
  void set_first(std::int64_t from, std::int64_t to) {
    from_first_ = from;
    to_first_ = to;
  }
  // Call once, when all axes are there. `threads`: as many as may be used.
  void finish(int threads);

  std::int64_t count() const { return count_; }
  void run(const void* from, void* to) const;

 private:
  enum class Way {
    kRuns,   // neighbours on both sides
    kFill,   // one element in many places
    kRows,   // a step on at least one side
    kTiles,  // neighbours lie along one axis here and along another there
  };
  struct Cursor;

  void merge();
  void widen();
  void choose();
  template <class T>
  void copy(const T* from, T* to, std::int64_t begin, std::int64_t end) const;
  template <class T>
  void run_as(const void* from, void* to) const;

  std::size_t element_bytes_;
  std::int64_t from_first_ = 0, to_first_ = 0;
  std::int64_t count_ = 1;
  int rank_ = 0;
  // Outermost first, by steps of the target. After choose(): the loops around the piece.
  std::array<CopyAxis, 2 * kMaxRank + 2> axes_{};
  Way way_ = Way::kRuns;
  CopyAxis inner_;   // the piece's axis along the target's neighbours
  CopyAxis across_;  // kTiles: along the source's neighbours
  bool cuts_across_ = false;
  std::int64_t piece_ = 1, pieces_ = 1;
  std::int64_t units_ = 1;
  int threads_ = 1;
};

// Sets n elements of this size to the low bits of `value`.
void fill_elements(int threads, std::size_t element_bytes, std::uint64_t value, void* to,
                   std::int64_t n);

}  // namespace temper::cpu
