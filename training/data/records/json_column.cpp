// Values gathered as doubles, which hold whole numbers up to 2^53.
#include "training/data/records/json_column.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

constexpr std::int64_t kMostWhole = std::int64_t{1} << 53;

Shape without_first(const Shape& shape) { return Shape(shape.dims().subspan(1)); }

}  // namespace

JsonColumn::JsonColumn(std::vector<std::string> classes)
    : learns_(classes.empty()), classes_(std::move(classes)) {
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    codes_.emplace(classes_[i], static_cast<std::int64_t>(i));
  }
}

void JsonColumn::add(const JsonValue& value, const std::function<std::string()>& where) {
  const Kind kind = value.is_string() ? Kind::kText : Kind::kNumbers;
  TEMPER_CHECK(kind_ == Kind::kNone || kind == kind_, ErrorCode::kInvalidData, where(), " is ",
               kind == Kind::kText ? "a text, in the records before numbers"
                                   : "no text, as in the records before");
  kind_ = kind;
  ++rows_;
  if (kind == Kind::kText) {
    add_text(value.as_string("the value"), where);
    return;
  }
  const Shape shape = add_numbers(value, where);
  if (rows_ == 1) {
    shape_ = shape;
  }
  const bool lists = shape.rank() >= 1 && shape_.rank() == shape.rank() &&
                     without_first(shape) == without_first(shape_);
  TEMPER_CHECK(lists || shape == shape_, ErrorCode::kInvalidData, where(), " has the shape ", shape,
               ", in the records before ", shape_);
  if (lists) {
    lengths_.push_back(shape[0]);
  }
}

void JsonColumn::add_number(const JsonValue& value, const std::function<std::string()>& where) {
  double number = 0;
  if (value.is_bool()) {
    number = value.as_bool("the value") ? 1 : 0;
  } else {
    TEMPER_CHECK(value.is_number(), ErrorCode::kInvalidData, where(), " has ",
                 value.is_null()     ? "a null"
                 : value.is_string() ? "a text in a list"
                                     : "an object",
                 "; expected numbers, lists of numbers of equal lengths, or the name of a class");
    number = value.as_double("the value");
    is_whole_ = is_whole_ && value.is_integer();
    if (value.is_integer()) {
      const std::int64_t whole = value.as_int("the value");
      TEMPER_CHECK(whole <= kMostWhole && whole >= -kMostWhole, ErrorCode::kInvalidData, where(),
                   " has ", whole, "; whole numbers are read up to 2^53");
    }
  }
  values_.push_back(number);
}

Shape JsonColumn::add_numbers(const JsonValue& value, const std::function<std::string()>& where) {
  if (!value.is_array()) {
    add_number(value, where);
    return {};
  }
  const JsonValue::Array& items = value.as_array("the value");
  Shape shape{static_cast<std::int64_t>(items.size())};
  Shape inner;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Shape item = add_numbers(items[i], where);
    inner = i == 0 ? item : inner;
    TEMPER_CHECK(item == inner, ErrorCode::kInvalidData, where(),
                 " is a list of unequal parts: the first has the shape ", inner, ", part ", i + 1,
                 " ", item);
  }
  TEMPER_CHECK(inner.rank() + 1 < kMaxRank, ErrorCode::kInvalidData, where(), " is nested ",
               inner.rank() + 1, " deep; at most ", kMaxRank - 1, " are read");
  for (const std::int64_t dim : inner) {
    shape.push_back(dim);
  }
  return shape;
}

void JsonColumn::add_text(const std::string& text, const std::function<std::string()>& where) {
  auto code = codes_.find(text);
  if (code == codes_.end()) {
    constexpr std::size_t kMostNamed = 20;
    TEMPER_CHECK(
        learns_, ErrorCode::kInvalidData, where(), ": '", text,
        "' is a class that the training data did not have; it had ",
        classes_.size() <= kMostNamed ? join(classes_, ", ") : concat(classes_.size(), " others"));
    code = codes_.emplace(text, static_cast<std::int64_t>(classes_.size())).first;
    classes_.push_back(text);
  }
  values_.push_back(static_cast<double>(code->second));
}

void JsonColumn::finish() {
  if (kind_ != Kind::kText || !learns_) {
    return;
  }
  std::vector<double> sorted(classes_.size());
  std::vector<std::string> names;
  for (const auto& [name, code] : codes_) {  // in the order of the names
    sorted[static_cast<std::size_t>(code)] = static_cast<double>(names.size());
    names.push_back(name);
  }
  std::transform(values_.begin(), values_.end(), values_.begin(),
                 [&](double code) { return sorted[static_cast<std::size_t>(code)]; });
  classes_ = std::move(names);
}

std::int64_t JsonColumn::first_of_other_length() const {
  const auto other = std::find_if(lengths_.begin(), lengths_.end(),
                                  [&](std::int64_t each) { return each != lengths_.front(); });
  return other == lengths_.end() ? -1 : other - lengths_.begin();
}

Tensor JsonColumn::array() const {
  Shape shape{rows_};
  for (const std::int64_t dim : shape_) {
    shape.push_back(dim);
  }
  return Tensor::from<double>(is_whole_ ? DType::kInt64 : DType::kFloat64, shape, values_);
}

Tensor JsonColumn::joined() const {
  TEMPER_ASSERT(is_list());
  Shape shape{std::accumulate(lengths_.begin(), lengths_.end(), std::int64_t{0})};
  for (const std::int64_t dim : without_first(shape_)) {
    shape.push_back(dim);
  }
  return Tensor::from<double>(is_whole_ ? DType::kInt64 : DType::kFloat64, shape, values_);
}

}  // namespace temper::training
