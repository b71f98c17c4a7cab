#include "graph/onnx/deploy/opset_types.h"

#include <algorithm>

#include "graph/onnx/deploy/table_lines.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

std::vector<std::uint64_t> take_sets(std::string_view text) {
  std::vector<std::uint64_t> sets;
  while (!text.empty()) {
    std::string_view number = take_until(text, ',');
    const auto index = static_cast<std::size_t>(take_number(number));
    TEMPER_ASSERT(index < kOpsetTypeSetCount, index);
    sets.push_back(kOpsetTypeSets[index]);
  }
  return sets;
}

bool allows(const std::vector<std::uint64_t>& sets, int index, std::int32_t type) {
  if (sets.empty()) {
    return true;
  }
  const std::uint64_t set = sets[std::min(sets.size() - 1, static_cast<std::size_t>(index))];
  return set == 0 || type <= 0 || type > 63 || (set >> type & 1) != 0;
}

}  // namespace

OpsetTypes::OpsetTypes() {
  std::vector<Form>* forms = nullptr;
  std::string_view rest = kOpsetTypes;
  while (!rest.empty()) {
    std::string_view line = take_until(rest, '\n');
    const bool goes_on = line.starts_with(' ');
    const std::string_view op = take_until(line, ' ');
    if (!goes_on && !op.empty()) {
      forms = &forms_[std::string(op)];
    }
    while (!line.empty()) {
      std::string_view form = take_until(line, ' ');
      std::string_view opset = take_until(form, ':');
      Form& made = forms->emplace_back();
      made.since = take_number(opset);
      made.inputs = take_sets(take_until(form, '>'));
      made.outputs = take_sets(form);
    }
  }
}

std::optional<std::int64_t> OpsetTypes::since(const std::string& op, std::int64_t opset,
                                              bool is_output, int index, std::int32_t type) const {
  const auto found = forms_.find(op);
  if (found == forms_.end() || found->second.front().since > opset) {
    return opset;
  }
  const std::vector<Form>& forms = found->second;
  for (std::size_t i = 0; i < forms.size(); ++i) {
    const bool is_over = i + 1 < forms.size() && forms[i + 1].since <= opset;
    if (!is_over && allows(is_output ? forms[i].outputs : forms[i].inputs, index, type)) {
      return std::max(opset, forms[i].since);
    }
  }
  return std::nullopt;
}

}  // namespace temper::graph
