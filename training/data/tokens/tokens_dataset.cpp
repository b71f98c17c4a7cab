// Windows of mapped tokens, converted as they are read.
#include "training/data/tokens/tokens_dataset.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include "runtime/base/error.h"
#include "training/data/fingerprint.h"
#include "training/formats/tokens.h"

namespace temper::training {
namespace {

// The order of rows is kept in memory, 8 bytes each.
constexpr std::int64_t kMostWindows = std::int64_t{1} << 28;

void fill(Tensor& out, std::int64_t row, std::int64_t block, std::int64_t first,
          std::int64_t step) {
  visit_any(out.dtype(), [&]<class T>() {
    T* to = static_cast<T*>(out.data()) + row * block;
    for (std::int64_t i = 0; i < block; ++i) {
      to[i] = convert_element<T>(first + i * step);
    }
  });
}

void copy_tokens(const Tensor& tokens, std::int64_t first, std::int64_t count, Tensor& out,
                 std::int64_t row) {
  visit_any(tokens.dtype(), [&]<class S>() {
    if constexpr (std::is_integral_v<S>) {
      const S* from = static_cast<const S*>(tokens.data()) + first;
      if (out.dtype() == DType::kInt32) {
        std::transform(from, from + count, static_cast<std::int32_t*>(out.data()) + row * count,
                       [](S token) { return static_cast<std::int32_t>(token); });
      } else {
        std::transform(from, from + count, static_cast<std::int64_t*>(out.data()) + row * count,
                       [](S token) { return static_cast<std::int64_t>(token); });
      }
    }
  });
}

// The place of the first token that is not allowed, or -1.
template <class T>
std::int64_t first_outside(const Tensor& tokens, const AllowedValues& allowed) {
  if constexpr (std::is_integral_v<T>) {
    const T* values = static_cast<const T*>(tokens.data());
    const std::int64_t count = tokens.element_count();
    const auto whole = [](T token) { return static_cast<std::int64_t>(token); };
    // Blocks by their extremes first: that is as fast as the file is read.
    constexpr std::int64_t kBlock = 4096;
    for (std::int64_t begin = 0; begin < count; begin += kBlock) {
      const std::int64_t end = std::min(count, begin + kBlock);
      T smallest = values[begin];
      T largest = values[begin];
      for (std::int64_t i = begin; i < end; ++i) {
        smallest = std::min(smallest, values[i]);
        largest = std::max(largest, values[i]);
      }
      const bool fine = whole(smallest) >= allowed.lower && whole(largest) < allowed.upper;
      for (std::int64_t i = begin; i < end && !fine; ++i) {
        if (!allowed.allows(whole(values[i]))) {
          return i;
        }
      }
    }
  }
  return -1;
}

}  // namespace

std::unique_ptr<TokensDataset> TokensDataset::open(const std::vector<std::string>& paths,
                                                   const DataOptions& options) {
  std::unique_ptr<TokensDataset> data(new TokensDataset());
  const std::string& first = paths.front();
  data->settle_window(options, first);
  data->add_fields(options, first);
  const DType dtype = options.settings.token_dtype.empty()
                          ? DType::kUndefined
                          : dtype_from_name(options.settings.token_dtype);
  const bool has_next = std::any_of(data->fields_.begin(), data->fields_.end(),
                                    [](const Field& field) { return field.is_target; });
  const std::int64_t needed = data->block_ + (has_next ? 1 : 0);
  std::int64_t longest = 0;
  for (const std::string& path : paths) {
    Piece piece{path, read_tokens(path, dtype), 0};
    const std::int64_t length = piece.tokens.element_count();
    longest = std::max(longest, length);
    data->count_ += length < needed ? 0 : (length - needed) / data->stride_ + 1;
    piece.end = data->count_;
    data->pieces_.push_back(std::move(piece));
  }
  TEMPER_CHECK(data->count_ > 0, ErrorCode::kInvalidData, first, " has ", longest,
               " tokens; one sample takes ", needed,
               has_next ? " (its last is a target alone)" : "",
               ": give more text, or a shorter data.block if the model takes one");
  TEMPER_CHECK(data->count_ <= kMostWindows, ErrorCode::kUnsupported,
               "data.stride = ", data->stride_, " makes ", data->count_, " samples of ", first,
               "; at most ", kMostWindows,
               " are taken: write a larger one (data.block = ", data->block_, ")");
  data->refuse_what_does_not_fit();
  data->fingerprint_ = fingerprint_files(paths, options.hash_everything);
  return data;
}

// Of arrays with a sign and of wide tokens for a narrow input; u16 fits everywhere.
void TokensDataset::refuse_what_does_not_fit() {
  const auto field = static_cast<std::size_t>(
      std::find(contents_.begin(), contents_.end(), Content::kTokens) - contents_.begin());
  const DType given = fields_[field].dtype;
  const std::int64_t upper =
      given == DType::kInt32 ? std::int64_t{1} << 31 : std::numeric_limits<std::int64_t>::max();
  const bool fits = std::all_of(pieces_.begin(), pieces_.end(), [&](const Piece& piece) {
    const DType stored = piece.tokens.dtype();
    return stored == DType::kUInt8 || stored == DType::kUInt16 ||
           (stored == DType::kUInt32 && given == DType::kInt64);
  });
  if (fits) {
    return;
  }
  if (const auto bad = find_outside(field, {0, upper, {}})) {
    fail(ErrorCode::kInvalidData, bad->where, " is ", bad->value,
         bad->value < 0 ? "; tokens are 0 or more" : concat("; the model takes ", given));
  }
}

void TokensDataset::settle_window(const DataOptions& options, const std::string& path) {
  const std::int64_t asked = options.settings.block;
  block_ = asked;
  for (const WantedField& input : options.inputs) {
    if (!input.row_shape.has_value()) {
      continue;
    }
    const Shape& row = *input.row_shape;
    TEMPER_CHECK(row.rank() == 1 && row[0] > 0, ErrorCode::kInvalidData, "the model's input '",
                 input.name, "' takes rows of shape ", row, ", but ", path,
                 " holds tokens: [length] per sample");
    TEMPER_CHECK(block_ == 0 || block_ == row[0], ErrorCode::kInvalidArgument,
                 asked != 0 ? "data.block is " : "another input takes ", block_,
                 ", but the model's input '", input.name, "' takes ", row[0], " tokens",
                 asked != 0 ? "; leave data.block out" : "");
    block_ = row[0];
  }
  TEMPER_CHECK(block_ > 0, ErrorCode::kInvalidArgument, "the model takes texts of any length; ",
               "write data.block = the number of tokens per sample, such as 128");
  stride_ = options.settings.stride > 0 ? options.settings.stride : block_;
}

void TokensDataset::add_fields(const DataOptions& options, const std::string& path) {
  std::vector<WantedField> inputs = options.inputs;
  if (inputs.empty()) {
    inputs.push_back({"input", DType::kInt64, std::nullopt, {}});
  }
  std::vector<std::string> of_tokens;
  for (const WantedField& input : inputs) {
    const Content content = input.name == "attention_mask" ? Content::kOnes
                            : input.name == "position_ids" ? Content::kPositions
                                                           : Content::kTokens;
    const DType dtype = input.dtype == DType::kUndefined ? DType::kInt64 : input.dtype;
    if (content == Content::kTokens) {
      of_tokens.push_back(input.name);
      TEMPER_CHECK(dtype == DType::kInt32 || dtype == DType::kInt64, ErrorCode::kInvalidData,
                   "the model's input '", input.name, "' takes ", dtype, ", but ", path,
                   " holds tokens, which are given as i32 or i64");
    }
    fields_.push_back({input.name, dtype, Shape{block_}, false});
    contents_.push_back(content);
  }
  TEMPER_CHECK(of_tokens.size() == 1, ErrorCode::kInvalidData, path,
               " gives one input of tokens; the model has ",
               of_tokens.empty() ? "none besides the mask and positions" : join(of_tokens, ", "));
  TEMPER_CHECK(options.targets.size() <= 1 && options.settings.target_path.empty() &&
                   options.sample_weight.empty(),
               ErrorCode::kInvalidArgument, path,
               " gives one target, the next token: leave data.target_path, loss.sample_weight and "
               "further targets out");
  if (options.require_targets) {
    const WantedField target = options.targets.empty() ? WantedField{} : options.targets.front();
    TEMPER_CHECK(target.dtype == DType::kUndefined || target.dtype == DType::kInt64,
                 ErrorCode::kInvalidArgument, "the loss takes ", target.dtype,
                 " as its target, but ", path,
                 " gives the next token of each: use loss.name = \"cross_entropy\"");
    TEMPER_CHECK(!target.row_shape.has_value() || *target.row_shape == Shape{block_},
                 ErrorCode::kInvalidData, "the loss takes targets of shape ",
                 target.row_shape.value_or(Shape{}), " per sample for the model's output, but ",
                 path, " gives the next token of each of ", block_,
                 ": the output must be [N, length, vocabulary] or [N, vocabulary, length]");
    fields_.push_back(
        {target.name.empty() ? "target" : target.name, DType::kInt64, Shape{block_}, true});
    contents_.push_back(Content::kNext);
  }
}

std::vector<std::int64_t> TokensDataset::sequences() const {
  std::vector<std::int64_t> of_rows;
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    of_rows.resize(static_cast<std::size_t>(pieces_[i].end), static_cast<std::int64_t>(i));
  }
  return of_rows;
}

TokensDataset::Window TokensDataset::window_of(std::int64_t row) const {
  TEMPER_ASSERT(row >= 0 && row < count_, "row ", row, " of ", count_);
  const auto piece =
      std::upper_bound(pieces_.begin(), pieces_.end(), row,
                       [](std::int64_t wanted, const Piece& each) { return wanted < each.end; });
  const std::int64_t begin = piece == pieces_.begin() ? 0 : std::prev(piece)->end;
  return {&*piece, (row - begin) * stride_};
}

void TokensDataset::read(std::span<const std::int64_t> rows, std::span<Tensor> out) const {
  TEMPER_ASSERT(out.size() == fields_.size());
  for (std::size_t f = 0; f < fields_.size(); ++f) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const Window window = window_of(rows[i]);
      switch (contents_[f]) {
        case Content::kTokens:
          copy_tokens(window.piece->tokens, window.first, block_, out[f], at);
          break;
        case Content::kNext:
          copy_tokens(window.piece->tokens, window.first + 1, block_, out[f], at);
          break;
        case Content::kOnes:
          fill(out[f], at, block_, 1, 0);
          break;
        case Content::kPositions:
          fill(out[f], at, block_, 0, 1);
          break;
      }
    }
  }
}

std::vector<std::int64_t> TokensDataset::labels(std::size_t /*field*/) const {
  fail(ErrorCode::kInvalidData, pieces_.front().path,
       " has a token to predict at each place, not one class per sample: sampling by class does "
       "not apply");
}

std::optional<OutsideValue> TokensDataset::find_outside(std::size_t field,
                                                        const AllowedValues& allowed) const {
  if (contents_.at(field) == Content::kOnes || contents_.at(field) == Content::kPositions) {
    return Dataset::find_outside(field, allowed);
  }
  for (const Piece& piece : pieces_) {
    std::int64_t place = -1;
    std::int64_t value = 0;
    visit_any(piece.tokens.dtype(), [&]<class T>() {
      place = first_outside<T>(piece.tokens, allowed);
      if (place >= 0) {
        value = convert_element<std::int64_t>(static_cast<const T*>(piece.tokens.data())[place]);
      }
    });
    if (place >= 0) {
      return OutsideValue{concat(piece.path, ", token ", place), value};
    }
  }
  return std::nullopt;
}

std::string TokensDataset::where(std::size_t field, std::int64_t row) const {
  const Window window = window_of(row);
  const std::int64_t first = window.first + (contents_.at(field) == Content::kNext ? 1 : 0);
  return concat(window.piece->path, ", tokens ", first, " to ", first + block_ - 1);
}

std::string TokensDataset::description() const {
  std::int64_t tokens = 0;
  for (const Piece& piece : pieces_) {
    tokens += piece.tokens.element_count();
  }
  return concat(tokens, " tokens (", pieces_.front().tokens.dtype(), ")",
                pieces_.size() > 1 ? concat(" in ", pieces_.size(), " files") : "", ": windows of ",
                block_, ", each ", stride_, " after the one before");
}

}  // namespace temper::training
