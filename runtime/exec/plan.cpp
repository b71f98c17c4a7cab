#include "runtime/exec/plan.h"

#include <algorithm>

#include "runtime/base/concat.h"

namespace temper {
namespace {

int find_port(const std::vector<PlanPort>& ports, Port port) {
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (ports[i].port == port) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

}  // namespace

std::string PlanStep::precision() const {
  const DType from = input_type == DType::kUndefined ? output_type : input_type;
  const DType to = output_type == DType::kUndefined ? from : output_type;
  return from == DType::kUndefined ? std::string()
         : from == to              ? std::string(to_string(to))
                                   : concat(from, ">", to);
}

int Plan::float_casts() const {
  return static_cast<int>(std::count_if(steps.begin(), steps.end(), [](const PlanStep& step) {
    return step.converts && is_float(step.input_type) && is_float(step.output_type);
  }));
}

int Plan::input(Port port) const { return find_port(inputs, port); }
int Plan::output(PortRole role, int index) const { return find_port(outputs, {role, index}); }

}  // namespace temper
