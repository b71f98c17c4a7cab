#include "graph/onnx/surgery/tie.h"

#include <algorithm>
#include <cstring>
#include <map>

#include <onnx.pb.h>

#include "graph/onnx/places.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "graph/onnx/surgery/untie.h"
#include "graph/onnx/tensor_uses.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

struct Weight {
  std::string name;
  Shape shape;
  bool is_table = false;  // rows are picked from it
};

// By what equal ones have in common, turned or not.
using Groups = std::map<std::string, std::vector<Weight>>;

Groups weights_of(ModelEdit& edit) {
  const FlatGraph flat = edit.flat();
  const auto uses = find_tensor_uses(flat);
  std::set<std::string> tables;
  for (const FlatNode& node : flat.nodes) {
    if (facts_of(node).picking_input >= 0 && !node.inputs.empty()) {
      tables.insert(node.inputs[0]);
    }
  }
  Groups groups;
  for (const auto& [name, tensor] : flat.initializers) {
    const auto use = uses.find(name);
    if (use == uses.end() || use->second.weight.empty() || tensor->dims_size() < 2 ||
        !unsupported_reason(*tensor).empty() || !is_float(graph_dtype(tensor->data_type()))) {
      continue;
    }
    const Weight weight{name, edit.header(name).shape, tables.contains(name)};
    std::vector<std::int64_t> dims(weight.shape.begin(), weight.shape.end());
    std::sort(dims.begin(), dims.end());
    std::string key = concat(tensor->data_type());
    for (const std::int64_t dim : dims) {
      key += concat(" ", dim);
    }
    groups[key].push_back(weight);
  }
  return groups;
}

// Bit for bit, where the elements of `b` are in the order of `a`, or in that of its transpose.
bool is_same(const Tensor& a, const Tensor& b, bool turned) {
  const std::size_t each = size_of(a.dtype());
  const auto* first = static_cast<const std::byte*>(a.data());
  const auto* second = static_cast<const std::byte*>(b.data());
  const auto count = static_cast<std::size_t>(a.element_count());
  if (!turned) {
    return std::memcmp(first, second, count * each) == 0;
  }
  const auto rows = static_cast<std::size_t>(a.shape()[0]), width = count / rows;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < width; ++c) {
      if (std::memcmp(first + (r * width + c) * each, second + (c * rows + r) * each, each) != 0) {
        return false;
      }
    }
  }
  return true;
}

// The others of a group that are `kept`.
void compare(ModelEdit& edit, const Weight& kept, const std::vector<Weight>& others,
             std::set<std::string>& taken, std::vector<WrittenTwice>& found) {
  Tensor first;
  for (const Weight& other : others) {
    if (other.name == kept.name || taken.contains(other.name)) {
      continue;
    }
    if (!first.defined()) {
      first = edit.read(kept.name);
      if (is_uniform(first)) {
        return;
      }
    }
    const Tensor second = edit.read(other.name);
    const bool may_turn = kept.shape.rank() == 2 && kept.shape[0] == other.shape[1] &&
                          kept.shape[1] == other.shape[0];
    const bool straight = kept.shape == other.shape && is_same(first, second, false);
    if (straight || (may_turn && is_same(first, second, true))) {
      taken.insert(other.name);
      found.push_back({kept.name, other.name, !straight});
    }
  }
}

std::vector<WrittenTwice> find(ModelEdit& edit, bool meant, const NameTest& also) {
  std::vector<WrittenTwice> found;
  for (const auto& [key, all] : weights_of(edit)) {
    std::vector<Weight> named;
    std::copy_if(all.begin(), all.end(), std::back_inserter(named),
                 [&](const Weight& one) { return also && also(one.name); });
    std::set<std::string> taken;
    const auto from = [&](const std::vector<Weight>& weights, bool tables) {
      for (const Weight& one : weights) {
        if (one.is_table == tables && weights.size() > 1 && !taken.contains(one.name)) {
          taken.insert(one.name);
          compare(edit, one, weights, taken, found);
        }
      }
    };
    if (meant) {
      from(all, true);
    }
    from(named, true);
    from(named, false);
  }
  return found;
}

void erase_initializer(ModelEdit& edit, const std::string& name) {
  const auto erase = [&](auto& list) {
    for (int i = list.size(); i-- > 0;) {
      if (list.Get(i).name() == name) {
        list.DeleteSubrange(i, 1);
      }
    }
  };
  wire::GraphProto& graph = *edit.proto().mutable_graph();
  erase(*graph.mutable_initializer());
  erase(*graph.mutable_input());  // where old files name it too
  erase(*graph.mutable_value_info());
}

}  // namespace

std::vector<WrittenTwice> find_written_twice(ModelEdit& edit) { return find(edit, true, {}); }

void tie(ModelEdit& edit, bool meant, const NameTest& also) {
  const std::vector<WrittenTwice> found = find(edit, meant, also);
  TEMPER_CHECK(!also || !found.empty(), ErrorCode::kInvalidArgument,
               "--tie-match names no two weights that are equal bit for bit");
  std::vector<std::string> texts;
  for (const WrittenTwice& one : found) {
    erase_initializer(edit, one.copy);
    if (one.turned) {
      const wire::NodeProto& place = edit.graph().node(0);
      set_ints(edit.insert_before(place, "Transpose", {one.tensor}, one.copy), "perm", {1, 0});
    } else {
      edit.rename(one.copy, one.tensor);
    }
    texts.push_back(
        concat("'", one.copy, "' is '", one.tensor, "'", one.turned ? " transposed" : ""));
  }
  edit.note(found.empty() ? std::string("--tie: no weight is stored twice")
                          : concat("--tie: ", join(texts, ", ")));
}

}  // namespace temper::graph
