// Which element types ONNX's operators take and give in each opset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace temper::graph {

// Sets of types, a bit for each TensorProto.DataType; an empty one is not looked at.
extern const std::uint64_t kOpsetTypeSets[];
extern const std::size_t kOpsetTypeSetCount;
// A line per operator: "Add 6:4>4 13:5>5": from opset 6 on it reads what set 4 has, and gives it.
extern const std::string_view kOpsetTypes;

class OpsetTypes {
 public:
  OpsetTypes();

  // The first opset at or above `opset` in which the operator's input (or output) of this index
  // may be of the type: `opset` itself where it may; nothing: it is in none.
  std::optional<std::int64_t> since(const std::string& op, std::int64_t opset, bool is_output,
                                    int index, std::int32_t type) const;

 private:
  struct Form {
    std::int64_t since = 0;
    std::vector<std::uint64_t> inputs, outputs;
  };
  std::map<std::string, std::vector<Form>> forms_;
};

}  // namespace temper::graph
