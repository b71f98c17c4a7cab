#include "runtime/backend/backend.h"

#include "runtime/base/error.h"

namespace temper {

SelectedKernel select_kernel(const Backend& backend, const OpQuery& query,
                             std::string_view family) {
  SelectedKernel selected;
  for (const auto& row : backend.kernels().rows(query.op)) {
    if (!family.empty() && row->family() != family) {
      continue;
    }
    const Support support = row->supports(query);
    if (support.ok) {
      selected.kernel = row->prepare(query);
      selected.family = row->family();
      return selected;
    }
    if (!support.reason.empty()) {
      selected.refusals.push_back(concat(row->family(), ": ", support.reason));
    }
  }
  fail(ErrorCode::kUnsupported, "no ", backend.name(), " kernel runs ", query.op,
       selected.refusals.empty() ? "" : ": ", join(selected.refusals, "; "));
}

}  // namespace temper
