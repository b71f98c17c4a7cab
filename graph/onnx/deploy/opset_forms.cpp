#include "graph/onnx/deploy/opset_forms.h"

#include "graph/onnx/deploy/table_lines.h"

namespace temper::graph {

OpsetForms::OpsetForms() {
  for (std::string_view rest : {kOpsetFormsA, kOpsetFormsG, kOpsetFormsR}) {
    OpsetForm* last = nullptr;
    while (!rest.empty()) {
      std::string_view line = take_until(rest, '\n');
      if (line.starts_with(' ')) {  // the line before goes on
        last->attributes += line.substr(1);
      } else if (!line.empty()) {
        std::vector<OpsetForm>& forms = forms_[std::string(take_until(line, ' '))];
        last = &forms.emplace_back();
        last->since = take_number(line);
        last->least_inputs = static_cast<int>(take_number(line));
        last->most_inputs = static_cast<int>(take_number(line));
        last->most_outputs = static_cast<int>(take_number(line));
        last->removed = take_number(line) != 0;
        last->attributes = line;
      }
    }
  }
}

const OpsetForm* OpsetForms::find(const std::string& op, std::int64_t opset) const {
  const auto found = forms_.find(op);
  const OpsetForm* form = nullptr;
  if (found != forms_.end()) {
    for (const OpsetForm& one : found->second) {
      form = one.since <= opset ? &one : form;
    }
  }
  return form == nullptr || form->removed ? nullptr : form;
}

}  // namespace temper::graph
