#include "graph/onnx/deploy/fix_dimensions.h"

#include <set>
#include <vector>

#include <onnx.pb.h>

#include "runtime/base/error.h"

namespace temper::graph {
namespace {

using Sizes = std::map<std::string, std::int64_t>;

void fix(wire::ValueInfoProto& info, const Sizes& sizes) {
  if (!info.has_type() || !info.type().has_tensor_type() ||
      !info.type().tensor_type().has_shape()) {
    return;
  }
  for (auto& dim : *info.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim()) {
    const auto size = dim.has_dim_param() ? sizes.find(dim.dim_param()) : sizes.end();
    if (size != sizes.end()) {
      dim.set_dim_value(size->second);
    }
  }
}

// Files nest no deeper than they are parsed.
void fix(wire::GraphProto& graph, const Sizes& sizes) {
  for (auto* infos : {graph.mutable_input(), graph.mutable_output(), graph.mutable_value_info()}) {
    for (auto& info : *infos) {
      fix(info, sizes);
    }
  }
  for (auto& node : *graph.mutable_node()) {
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) {
        fix(*attribute.mutable_g(), sizes);
      }
    }
  }
}

}  // namespace

void fix_dimensions(ModelEdit& edit, const Sizes& sizes) {
  std::set<std::string> known;
  for (const auto& input : edit.graph().input()) {
    for (const auto& dim : input.type().tensor_type().shape().dim()) {
      if (dim.has_dim_param()) {
        known.insert(dim.dim_param());
      }
    }
  }
  for (const auto& [name, size] : sizes) {
    TEMPER_CHECK(known.contains(name), ErrorCode::kInvalidArgument, "--fix-dims names '", name,
                 "', and the inputs have ", known.empty() ? "no symbolic dimension" : "only ",
                 join(std::vector<std::string>(known.begin(), known.end()), ", "));
    edit.note(concat("--fix-dims: ", name, " is ", size));
  }
  fix(edit.graph(), sizes);
}

void fix_batch(ModelEdit& edit, const std::string& symbol, std::int64_t batch) {
  edit.note(concat("--batch: ", batch, symbol.empty() ? "" : concat(" in place of ", symbol)));
  if (!symbol.empty()) {
    fix(edit.graph(), {{symbol, batch}});
    return;
  }
  for (auto& input : *edit.graph().mutable_input()) {
    auto& shape = *input.mutable_type()->mutable_tensor_type()->mutable_shape();
    if (shape.dim_size() > 0 && !shape.dim(0).has_dim_value() && !shape.dim(0).has_dim_param()) {
      shape.mutable_dim(0)->set_dim_value(batch);
    }
  }
}

}  // namespace temper::graph
