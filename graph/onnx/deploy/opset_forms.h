// What ONNX's operators may have in each opset: how many inputs and outputs, which attributes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace temper::graph {

// Valid from its opset on until the operator's next form.
struct OpsetForm {
  std::int64_t since = 0;
  int least_inputs = 0;
  int most_inputs = 0;
  int most_outputs = 0;
  bool removed = false;    // the operator is deprecated from here on
  std::string attributes;  // "axis=1;keepdims=1;pads": with the values that they have when left out
};

// A line per form, in three parts of the alphabet: the operator, then as above.
extern const std::string_view kOpsetFormsA;
extern const std::string_view kOpsetFormsG;
extern const std::string_view kOpsetFormsR;

// The forms of all operators, by name, the oldest first.
class OpsetForms {
 public:
  OpsetForms();
  // The form of an operator in an opset; null: it is not there.
  const OpsetForm* find(const std::string& op, std::int64_t opset) const;

 private:
  std::map<std::string, std::vector<OpsetForm>> forms_;
};

}  // namespace temper::graph
