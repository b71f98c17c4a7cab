// A backend whose kernels compute nothing and ask for whatever a test wishes: what lowering makes
// of layouts, memory that may be shared, and workspaces.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graph/lowering/lower.h"
#include "runtime/backend/backend.h"
#include "tests/graph/small_graph.h"

namespace temper::test {

struct Wish {
  std::vector<Layout> inputs = {}, outputs = {};
  std::vector<std::pair<int, int>> inplace = {};
  std::size_t workspace_bytes = 0;
};

class WishingBackend final : public Backend {
 public:
  explicit WishingBackend(std::initializer_list<const char*> ops) {
    for (const char* op : ops) {
      wish(op, [](const OpQuery&) { return Wish{}; });
    }
    // A copy of one tensor: from any layout to any.
    for (const char* op : {"Reorder", "Copy", "CommitIf"}) {
      wish(op, [](const OpQuery& query) {
        Wish made;
        for (const TensorSpec& input : query.inputs) {
          made.inputs.push_back(input.layout);
        }
        made.outputs = {query.outputs[0].layout};
        return made;
      });
    }
  }

  // Kernels of `op` ask for this; the first call for an op counts.
  WishingBackend& wish(const char* op, std::function<Wish(const OpQuery&)> wish) {
    table_.add(op, "wishing", {}, [wish](const OpQuery& query) {
      const Wish made = wish(query);
      std::unique_ptr<Kernel> kernel = make_kernel([](const KernelArgs&) {});
      kernel->input_layouts = made.inputs;
      kernel->output_layouts = made.outputs;
      kernel->inplace = made.inplace;
      kernel->workspace_bytes = made.workspace_bytes;
      return kernel;
    });
    return *this;
  }
  WishingBackend& wish(const char* op, const Wish& same) {
    return wish(op, [same](const OpQuery&) { return same; });
  }

  std::string_view name() const override { return "wishing"; }
  const KernelTable& kernels() const override { return table_; }
  std::string fingerprint() const override { return "wishing"; }

 private:
  KernelTable table_;
};

// [rows, columns] column by column.
inline Layout by_columns(std::int64_t rows, std::int64_t columns) {
  Layout layout;
  layout.plain = false;
  layout.rank = 2;
  layout.padded = {rows, columns};
  layout.strides = {1, rows};
  return layout;
}

inline std::vector<std::string> ops_of(const Plan& plan) {
  std::vector<std::string> ops;
  for (const PlanStep& step : plan.steps) {
    ops.push_back(step.op);
  }
  return ops;
}

inline bool same_place(const Location& a, const Location& b) {
  return a.kind == b.kind && a.index == b.index && a.offset == b.offset;
}

}  // namespace temper::test
