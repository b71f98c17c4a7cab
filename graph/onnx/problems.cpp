// The list of everything that is missing, as one error.
#include "graph/onnx/problems.h"

#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::size_t kExamples = 3;
constexpr std::size_t kShownName = 100;

std::string quoted(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    out += concat(out.empty() ? "'" : ", '", name, "'");
  }
  return out;
}

}  // namespace

void Problems::note(Entry& entry, const std::string& example) {
  ++entry.count;
  if (entry.examples.size() < kExamples && !example.empty()) {
    entry.examples.push_back(example.substr(0, kShownName));
  }
}

void Problems::add_op(const std::string& domain, const std::string& op,
                      const std::string& example) {
  note(ops_[{domain.substr(0, kShownName), op.substr(0, kShownName)}], example);
}

void Problems::add(const std::string& what, const std::string& example) {
  note(others_[what], example);
}

void Problems::throw_if_any(const std::string& path) const {
  if (ops_.empty() && others_.empty()) {
    return;
  }
  std::string text = concat("'", path, "' needs what is not supported:");
  for (const auto& [key, entry] : ops_) {
    text += concat("\n  op ", key.second, key.first.empty() ? "" : concat(" of domain ", key.first),
                   ": ", entry.count, entry.count == 1 ? " node" : " nodes", ", such as ",
                   quoted(entry.examples));
  }
  for (const auto& [what, entry] : others_) {
    text += concat("\n  ", what, ": ", entry.count, entry.count == 1 ? " time" : " times",
                   entry.examples.empty() ? "" : concat(", such as ", quoted(entry.examples)));
  }
  throw_error(ErrorCode::kUnsupported, text);
}

}  // namespace temper::graph
