// The order of rows for models that carry a state from a batch to the next: every row of a batch
// goes on where the same row of the batch before ended, until its sequence is over.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace temper::training {

// Batches one after the other. Each has at most as many rows as the one before.
class Streams {
 public:
  // As many streams of equal length as batches have rows: all rows one after the other, cut into
  // equal parts, with the few that are left over left out (batchify of PyTorch's language model). A
  // sequence that begins, or that was cut, begins anew. `sequences`: Dataset::sequences().
  // REQUIRES: 1 <= batch_size <= rows.size().
  static Streams cut(std::span<const std::int64_t> rows, std::span<const std::int64_t> sequences,
                     std::int64_t batch_size);
  // No sequence is cut and no row left out, so that results do not depend on the size of batches:
  // each stream has whole sequences, one after the other, the longest first to the stream with the
  // fewest rows; streams that are over leave later batches to fewer rows.
  static Streams whole(std::span<const std::int64_t> rows, std::span<const std::int64_t> sequences,
                       std::int64_t batch_size);

  std::int64_t count() const { return static_cast<std::int64_t>(rows_.size()); }
  std::int64_t batches() const { return static_cast<std::int64_t>(begins_.size()) - 1; }
  // Rows of the batch that begins at `position`, which counts rows. REQUIRES: one does.
  std::int64_t rows_at(std::int64_t position) const;
  std::int64_t largest_batch() const { return begins_[1]; }
  // The position where batch `number` begins, or the end.
  std::int64_t begin_of(std::int64_t number) const {
    return number < batches() ? begins_[static_cast<std::size_t>(number)] : count();
  }
  // The rows of all batches, and whether each continues.
  const std::vector<std::int64_t>& rows() const { return rows_; }
  bool continues(std::int64_t position) const {
    return continues_[static_cast<std::size_t>(position)] != 0;
  }
  // The sizes that batches have, the largest first.
  std::vector<std::int64_t> sizes() const;

 private:
  struct Stretch {  // places in the rows given
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  Streams(std::span<const std::int64_t> rows, const std::vector<std::vector<Stretch>>& streams);
  static std::vector<Stretch> sequences_of(std::span<const std::int64_t> rows,
                                           std::span<const std::int64_t> sequences);

  std::vector<std::int64_t> rows_;
  std::vector<std::uint8_t> continues_;
  std::vector<std::int64_t> begins_;  // of batches, and the end of the last
};

}  // namespace temper::training
