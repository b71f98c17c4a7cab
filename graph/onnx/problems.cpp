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

std::vector<ImportProblem> Problems::list() const {
  std::vector<ImportProblem> all;
  for (const auto& [key, entry] : ops_) {
    const auto& [domain, op] = key;
    all.push_back(
        {domain.empty() ? op : concat(domain, "::", op),
         concat("op ", op, domain.empty() ? "" : concat(" of domain ", domain), ": ", entry.count,
                entry.count == 1 ? " node" : " nodes", ", such as ", quoted(entry.examples)),
         entry.count, entry.examples});
  }
  for (const auto& [what, entry] : others_) {
    all.push_back(
        {"",
         concat(what, ": ", entry.count, entry.count == 1 ? " time" : " times",
                entry.examples.empty() ? "" : concat(", such as ", quoted(entry.examples))),
         entry.count, entry.examples});
  }
  return all;
}

void Problems::throw_if_any(const std::string& path) const {
  const std::vector<ImportProblem> all = list();
  if (all.empty()) {
    return;
  }
  std::string text = concat("'", path, "' needs what is not supported:");
  for (const ImportProblem& problem : all) {
    text += concat("\n  ", problem.reason);
  }
  throw_error(ErrorCode::kUnsupported, text);
}

}  // namespace temper::graph
