#include "tools/cli/trial_lines.h"

#include <cstdio>
#include <utility>

#include "runtime/base/number_text.h"

namespace temper::cli {

using training::JsonValue;

JsonValue outputs_json(const std::vector<training::TrialOutput>& outputs) {
  JsonValue list = JsonValue::array();
  for (const training::TrialOutput& output : outputs) {
    JsonValue row = JsonValue::object();
    row.set("output", output.name);
    row.set("shape", JsonValue::array_of(output.shape));
    row.set("largest_before", output.before);
    row.set("largest_after", output.after);
    row.set("largest_difference", output.difference);
    list.push_back(std::move(row));
  }
  return list;
}

void print_outputs(const char* what, const std::vector<training::TrialOutput>& outputs) {
  for (const training::TrialOutput& output : outputs) {
    std::printf("%s: output '%s' %s, at most %s before and %s after, differs by %s at most\n", what,
                output.name.c_str(), to_string(output.shape).c_str(),
                digits_text(output.before, 4).c_str(), digits_text(output.after, 4).c_str(),
                digits_text(output.difference, 4).c_str());
  }
}

}  // namespace temper::cli
