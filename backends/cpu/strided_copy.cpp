#include "backends/cpu/strided_copy.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "backends/cpu/parallel.h"
#include "backends/cpu/transpose_loops.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kPiece = 16384;  // elements of a run that one thread copies at a time
constexpr std::int64_t kTilePiece = 64;
constexpr std::int64_t kTile = 16;

struct Bytes16 {
  std::uint64_t low, high;
};

// Calls f with the unsigned type of this size.
template <class F>
void visit_size(std::size_t bytes, F&& f) {
  switch (bytes) {
    case 1:
      return f.template operator()<std::uint8_t>();
    case 2:
      return f.template operator()<std::uint16_t>();
    case 4:
      return f.template operator()<std::uint32_t>();
    case 8:
      return f.template operator()<std::uint64_t>();
    case 16:
      return f.template operator()<Bytes16>();
    default:
      TEMPER_ASSERT(false, "elements of ", bytes, " bytes");
  }
}

template <class T>
void copy_rows(const T* from, std::int64_t from_step, T* to, std::int64_t to_step, std::int64_t n) {
  if (to_step == 1) {
    for (std::int64_t i = 0; i < n; ++i) {
      to[i] = from[i * from_step];
    }
  } else {
    for (std::int64_t i = 0; i < n; ++i) {
      to[i * to_step] = from[i * from_step];
    }
  }
}

// to[j * row + i] = from[i * column + j] for i < n, j < m, tile by tile, so that the lines of the
// cache that a tile reads are used up by it.
template <class T>
void copy_tiles(const T* from, std::int64_t column, T* to, std::int64_t row, std::int64_t n,
                std::int64_t m) {
  if constexpr (sizeof(T) == 4) {
    return transpose_words(from, column, to, row, n, m);
  }
  for (std::int64_t j0 = 0; j0 < m; j0 += kTile) {
    const std::int64_t j1 = std::min(m, j0 + kTile);
    for (std::int64_t i0 = 0; i0 < n; i0 += kTile) {
      const std::int64_t i1 = std::min(n, i0 + kTile);
      for (std::int64_t j = j0; j < j1; ++j) {
        for (std::int64_t i = i0; i < i1; ++i) {
          to[j * row + i] = from[i * column + j];
        }
      }
    }
  }
}

}  // namespace

// Where a unit of work begins: an index of the outer axes and of the pieces.
struct StridedCopy::Cursor {
  const StridedCopy& copy;
  std::array<std::int64_t, 2 * kMaxRank + 2> index{};
  std::int64_t piece, from, to;

  Cursor(const StridedCopy& of, std::int64_t unit)
      : copy(of), piece(unit % of.pieces_), from(of.from_first_), to(of.to_first_) {
    unit /= of.pieces_;
    for (int axis = of.rank_ - 1; axis >= 0; --axis) {
      const CopyAxis& a = of.axes_[static_cast<std::size_t>(axis)];
      index[static_cast<std::size_t>(axis)] = unit % a.dim;
      from += unit % a.dim * a.from;
      to += unit % a.dim * a.to;
      unit /= a.dim;
    }
  }
  void next() {
    if (++piece < copy.pieces_) {
      return;
    }
    piece = 0;
    for (int axis = copy.rank_ - 1; axis >= 0; --axis) {
      const CopyAxis& a = copy.axes_[static_cast<std::size_t>(axis)];
      std::int64_t& at = index[static_cast<std::size_t>(axis)];
      from += a.from;
      to += a.to;
      if (++at < a.dim) {
        return;
      }
      from -= a.dim * a.from;
      to -= a.dim * a.to;
      at = 0;
    }
  }
};

void StridedCopy::add_axis(std::int64_t dim, std::int64_t from, std::int64_t to) {
  count_ *= dim;
  if (dim != 1) {
    axes_[static_cast<std::size_t>(rank_++)] = {dim, from, to};
  }
}

// Neighbouring axes that both sides walk in step are one.
void StridedCopy::merge() {
  std::stable_sort(axes_.begin(), axes_.begin() + rank_, [](const CopyAxis& a, const CopyAxis& b) {
    return std::abs(a.to) > std::abs(b.to);
  });
  int kept = 0;
  for (int axis = 0; axis < rank_; ++axis) {
    const CopyAxis& a = axes_[static_cast<std::size_t>(axis)];
    if (kept > 0) {
      CopyAxis& outer = axes_[static_cast<std::size_t>(kept - 1)];
      if (outer.from == a.from * a.dim && outer.to == a.to * a.dim) {
        outer = {outer.dim * a.dim, a.from, a.to};
        continue;
      }
    }
    axes_[static_cast<std::size_t>(kept++)] = a;
  }
  rank_ = kept;
}

// A short run is one element of a larger size.
void StridedCopy::widen() {
  if (rank_ == 0) {
    return;
  }
  const CopyAxis run = axes_[static_cast<std::size_t>(rank_ - 1)];
  const std::int64_t bytes = run.dim * static_cast<std::int64_t>(element_bytes_);
  if (run.from != 1 || run.to != 1 || (bytes != 2 && bytes != 4 && bytes != 8 && bytes != 16)) {
    return;
  }
  bool divides = from_first_ % run.dim == 0 && to_first_ % run.dim == 0;
  for (int axis = 0; axis < rank_ - 1; ++axis) {
    const CopyAxis& a = axes_[static_cast<std::size_t>(axis)];
    divides = divides && a.from % run.dim == 0 && a.to % run.dim == 0;
  }
  if (!divides) {
    return;
  }
  --rank_;
  for (int axis = 0; axis < rank_; ++axis) {
    axes_[static_cast<std::size_t>(axis)].from /= run.dim;
    axes_[static_cast<std::size_t>(axis)].to /= run.dim;
  }
  from_first_ /= run.dim;
  to_first_ /= run.dim;
  element_bytes_ = static_cast<std::size_t>(bytes);
}

void StridedCopy::choose() {
  inner_ = {1, 1, 1};  // a single element is a run of one
  if (rank_ > 0) {
    inner_ = axes_[static_cast<std::size_t>(--rank_)];
  }
  way_ = Way::kRows;
  if (inner_.to == 1 && inner_.from == 1) {
    way_ = Way::kRuns;
  } else if (inner_.to == 1 && inner_.from == 0) {
    way_ = Way::kFill;
  } else if (inner_.to == 1) {
    for (int axis = 0; axis < rank_; ++axis) {
      const CopyAxis a = axes_[static_cast<std::size_t>(axis)];
      if (a.from == 1 && a.dim >= 4 && inner_.dim >= 4) {
        way_ = Way::kTiles;
        across_ = a;
        std::copy(axes_.begin() + axis + 1, axes_.begin() + rank_, axes_.begin() + axis);
        --rank_;
        break;
      }
    }
  }
  cuts_across_ = way_ == Way::kTiles && across_.dim >= inner_.dim;
  const std::int64_t whole = cuts_across_ ? across_.dim : inner_.dim;
  piece_ = way_ == Way::kTiles ? kTilePiece : kPiece;
  pieces_ = (whole + piece_ - 1) / piece_;
  units_ = pieces_;
  for (int axis = 0; axis < rank_; ++axis) {
    units_ *= axes_[static_cast<std::size_t>(axis)].dim;
  }
}

void StridedCopy::finish(int threads) {
  if (count_ == 0) {
    return;
  }
  threads_ = threads_for_elements(threads, count_);
  merge();
  widen();
  choose();
}

template <class T>
void StridedCopy::copy(const T* from, T* to, std::int64_t begin, std::int64_t end) const {
  Cursor at(*this, begin);
  for (std::int64_t unit = begin; unit < end; ++unit, at.next()) {
    const CopyAxis& cut = cuts_across_ ? across_ : inner_;
    const std::int64_t first = at.piece * piece_;
    const std::int64_t n = std::min(piece_, cut.dim - first);
    const T* source = from + at.from + first * cut.from;
    T* target = to + at.to + first * cut.to;
    switch (way_) {
      case Way::kRuns:
        std::memcpy(target, source, static_cast<std::size_t>(n) * sizeof(T));
        break;
      case Way::kFill:
        std::fill(target, target + n, *source);
        break;
      case Way::kRows:
        copy_rows(source, inner_.from, target, inner_.to, n);
        break;
      case Way::kTiles:
        copy_tiles(source, inner_.from, target, across_.to, cuts_across_ ? inner_.dim : n,
                   cuts_across_ ? n : across_.dim);
        break;
    }
  }
}

template <class T>
void StridedCopy::run_as(const void* from, void* to) const {
  parallel_ranges(threads_, units_, 1, [&](std::int64_t begin, std::int64_t end) {
    copy(static_cast<const T*>(from), static_cast<T*>(to), begin, end);
  });
}

void StridedCopy::run(const void* from, void* to) const {
  if (count_ > 0) {
    visit_size(element_bytes_, [&]<class T>() { run_as<T>(from, to); });
  }
}

void fill_elements(int threads, std::size_t element_bytes, std::uint64_t value, void* to,
                   std::int64_t n) {
  visit_size(element_bytes, [&]<class T>() {
    if constexpr (sizeof(T) <= sizeof(value)) {
      T* first = static_cast<T*>(to);
      parallel_ranges(threads, n, kPiece, [&](std::int64_t begin, std::int64_t end) {
        std::fill(first + begin, first + end, static_cast<T>(value));
      });
    }
  });
}

}  // namespace temper::cpu
