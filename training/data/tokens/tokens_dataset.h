// Texts as tokens: a row is a window of a token file, its target the same window one token later.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "training/data/dataset.h"
#include "training/data/open_dataset.h"

namespace temper::training {

// Windows lie within one file. Besides the tokens, the model may take the inputs `attention_mask`
// (all ones) and `position_ids` (0, 1, 2, ...).
class TokensDataset : public Dataset {
 public:
  // Several files count as one after the other. Without targets (prediction) windows may reach up
  // to the last token. THROWS: as read_tokens(); kInvalidData when a model cannot take tokens or
  // the files are shorter than a window.
  static std::unique_ptr<TokensDataset> open(const std::vector<std::string>& paths,
                                             const DataOptions& options);

  std::int64_t count() const override { return count_; }
  const std::vector<Field>& fields() const override { return fields_; }
  void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const override;
  std::vector<std::int64_t> labels(std::size_t field) const override;
  std::optional<OutsideValue> find_outside(std::size_t field,
                                           const AllowedValues& allowed) const override;
  std::string where(std::size_t field, std::int64_t row) const override;
  const std::string& fingerprint() const override { return fingerprint_; }
  std::int64_t rows_apart() const override { return (block_ + stride_ - 1) / stride_; }
  // Files.
  std::vector<std::int64_t> sequences() const override;
  bool rows_adjoin() const override { return stride_ == block_; }
  std::string description() const override;

 private:
  enum class Content { kTokens, kNext, kOnes, kPositions };
  struct Piece {
    std::string path;
    Tensor tokens;
    std::int64_t end = 0;  // rows up to the end of this file
  };
  struct Window {
    const Piece* piece = nullptr;
    std::int64_t first = 0;  // the token it begins with
  };

  TokensDataset() = default;
  void add_fields(const DataOptions& options, const std::string& path);
  void settle_window(const DataOptions& options, const std::string& path);
  void refuse_what_does_not_fit();
  Window window_of(std::int64_t row) const;

  std::vector<Piece> pieces_;
  std::vector<Field> fields_;
  std::vector<Content> contents_;  // of each field
  std::string fingerprint_;
  std::int64_t block_ = 0;
  std::int64_t stride_ = 0;
  std::int64_t count_ = 0;
};

}  // namespace temper::training
