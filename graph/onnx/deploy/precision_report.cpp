#include "graph/onnx/deploy/precision_report.h"

#include <algorithm>

#include "runtime/base/concat.h"
#include "runtime/base/number_text.h"

namespace temper::graph {
namespace {

constexpr std::size_t kExamples = 5;

std::string counted(const std::map<std::string, int>& counts) {
  std::vector<std::string> parts;
  for (const auto& [op, count] : counts) {
    parts.push_back(concat(count, " ", op));
  }
  return join(parts, ", ");
}

}  // namespace

std::string some_of(const std::vector<std::string>& all) {
  const std::vector<std::string> some(
      all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), kExamples)));
  return concat(join(some, ", "),
                all.size() > kExamples ? concat(" and ", all.size() - kExamples, " more") : "");
}

void note_precision(ModelEdit& edit, const PrecisionReport& report, const char* type,
                    double limit) {
  edit.note(concat("--precision ", type, ": ", report.narrow_nodes, " nodes and ", report.converted,
                   " tensors are in 16 bits",
                   report.copied > 0 ? concat(", ", report.copied, " tensors in both types") : "",
                   ", ", report.casts, " Cast were placed"));
  if (!report.by_nature.empty()) {
    edit.note(
        concat("in float32 as they need it or are not followed: ", counted(report.by_nature)));
  }
  if (!report.not_allowed.empty()) {
    edit.note(concat("in float32 as opset ", edit.opset(), " does not allow ", type,
                     " for them: ", counted(report.not_allowed)));
  }
  if (report.asked > 0) {
    edit.note(concat("in float32 by --keep: ", report.asked, " nodes"));
  }
  if (!report.outside.empty()) {
    edit.note(concat("in float32 as 16 bits do not hold their values: ", some_of(report.outside)));
  }
  if (!report.underflow.empty()) {
    edit.note(concat("values that become 0 in 16 bits: ", some_of(report.underflow)));
  }
  if (!report.clamped.empty()) {
    edit.note(concat("values above 1e30, which stand for infinity, are ", digits_text(limit, 5),
                     " now: ", some_of(report.clamped)));
  }
}

}  // namespace temper::graph
