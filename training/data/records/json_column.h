// One field of JSON records over all rows: numbers, nested lists of numbers, or names of classes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/memory/tensor.h"
#include "training/formats/json.h"

namespace temper::training {

class JsonColumn {
 public:
  // `classes`: what the names may be, in the order of their codes; empty: learned, then sorted.
  explicit JsonColumn(std::vector<std::string> classes = {});

  // The next row's value; `where` names it in messages.
  // THROWS: kInvalidData for a value that is none of these or of another kind than those before.
  void add(const JsonValue& value, const std::function<std::string()>& where);
  // After the last row.
  void finish();

  bool is_text() const { return kind_ == Kind::kText; }
  // Whole numbers only, or codes of classes.
  bool is_whole() const { return is_whole_; }
  // A list of numbers per row, or of equal lists of numbers, whose lengths may differ.
  bool is_list() const { return kind_ == Kind::kNumbers && shape_.rank() >= 1; }
  // Of single numbers.
  bool is_flat() const { return is_list() && shape_.rank() == 1; }
  const std::vector<std::int64_t>& lengths() const { return lengths_; }
  // The first row that is of another length than the first, or -1.
  std::int64_t first_of_other_length() const;
  const std::vector<std::string>& classes() const { return classes_; }

  // i64 [rows, ...] of whole numbers, f64 of others. REQUIRES: equal lengths.
  Tensor array() const;
  // Lists one after another: [sum of the lengths, ...]. REQUIRES: is_list().
  Tensor joined() const;

 private:
  enum class Kind { kNone, kNumbers, kText };
  // Adds the numbers of `value` and returns its shape.
  Shape add_numbers(const JsonValue& value, const std::function<std::string()>& where);
  void add_number(const JsonValue& value, const std::function<std::string()>& where);
  void add_text(const std::string& text, const std::function<std::string()>& where);

  Kind kind_ = Kind::kNone;
  bool is_whole_ = true;
  bool learns_ = false;
  Shape shape_;                        // of the first row
  std::vector<double> values_;         // of all rows
  std::vector<std::int64_t> lengths_;  // of each row's list
  std::int64_t rows_ = 0;
  std::vector<std::string> classes_;
  std::map<std::string, std::int64_t, std::less<>> codes_;
};

}  // namespace temper::training
