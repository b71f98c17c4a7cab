#include "graph/onnx/surgery/untie.h"

#include <algorithm>
#include <cstring>
#include <map>

#include <onnx.pb.h>

#include "graph/onnx/places.h"
#include "graph/onnx/surgery/linear_layers.h"
#include "graph/onnx/tensor_uses.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

struct Use {
  const FlatNode* node = nullptr;
  std::size_t input = 0;
  std::string module;
};

using Uses = std::map<std::string, std::vector<Use>>;

// The path of PyTorch's exporters: in the metadata, or before the op's name in that of the node
// ("/layer1/conv/Conv"), where a module's second call has a number behind it ("/layer1/conv_1").
std::string module_of(const FlatNode& node) {
  if (!node.scope.empty()) {
    return node.scope;
  }
  const std::size_t slash = node.name.rfind('/');
  if (slash == std::string::npos || slash == 0) {
    return {};
  }
  std::string path = node.name.substr(0, slash);
  const std::size_t digits = path.find_last_not_of("0123456789");
  if (digits + 1 < path.size() && path[digits] == '_') {
    path.resize(digits);
  }
  return path;
}

Uses uses_of_weights(ModelEdit& edit, const FlatGraph& flat) {
  const auto what = find_tensor_uses(flat);
  Uses uses;
  for (const auto& [name, tensor] : flat.initializers) {
    const auto use = what.find(name);
    const bool learned = use != what.end() && use->second.statistic.empty() &&
                         !(use->second.weight + use->second.scale + use->second.bias).empty();
    if (learned && is_float(graph_dtype(tensor->data_type())) && tensor->dims_size() > 0) {
      uses[name];
    }
  }
  for (const FlatNode& node : flat.nodes) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const auto found = uses.find(node.inputs[i]);
      if (found != uses.end() && !node.inlined) {
        found->second.push_back({&node, i, module_of(node)});
      }
    }
  }
  std::erase_if(uses, [&](const auto& one) {
    return one.second.size() < 2 || edit.reads_of(one.first) != static_cast<int>(one.second.size());
  });
  return uses;
}

std::vector<std::string> modules_of(const std::vector<Use>& uses) {
  std::vector<std::string> modules;
  for (const Use& use : uses) {
    if (std::find(modules.begin(), modules.end(), use.module) == modules.end()) {
      modules.push_back(use.module);
    }
  }
  return modules;
}

bool is_accident(ModelEdit& edit, const std::string& name, const std::vector<Use>& uses) {
  const bool all_named =
      std::none_of(uses.begin(), uses.end(), [](const Use& use) { return use.module.empty(); });
  if (!all_named || modules_of(uses).size() < 2) {
    return false;
  }
  const bool alike = std::all_of(uses.begin(), uses.end(), [&](const Use& use) {
    return use.node->op == uses[0].node->op && use.input == uses[0].input &&
           facts_of(*use.node).picking_input < 0;
  });
  return alike || is_uniform(edit.read(name));
}

Tie tie_of(ModelEdit& edit, const std::string& name, const std::vector<Use>& uses) {
  return {name, modules_of(uses), is_accident(edit, name, uses)};
}

// "bias" of "layer1.bias"; of a name made up, what the tensor is to its first reader.
std::string role_of(const std::string& name, const Use& use) {
  const std::size_t dot = name.rfind('.');
  if (dot != std::string::npos && !is_anonymous(name)) {
    return name.substr(dot + 1);
  }
  const PlaceOfInput* place = find_place(*use.node, static_cast<int>(use.input));
  return place != nullptr && place->place == Place::kBias ? "bias" : "weight";
}

// One of them keeps the tensor: the one it is called after, or the first. Uses of one module stay
// together, where it is known.
void separate(ModelEdit& edit, const std::string& name, const std::vector<Use>& uses) {
  const bool by_module = modules_of(uses).size() > 1;
  const auto key_of = [&](std::size_t i) {
    return by_module && !uses[i].module.empty() ? uses[i].module : concat("#", i);
  };
  const auto name_of = [&](const Use& use) {
    return use.node->scope.empty() ? name : use.node->scope + "." + role_of(name, use);
  };
  const auto keeper =
      std::find_if(uses.begin(), uses.end(), [&](const Use& use) { return name_of(use) == name; });
  const std::size_t kept =
      keeper == uses.end() ? 0 : static_cast<std::size_t>(keeper - uses.begin());
  std::map<std::string, std::string> copies{{key_of(kept), name}};
  for (std::size_t i = 0; i < uses.size(); ++i) {
    std::string& copy = copies[key_of(i)];
    if (copy.empty()) {
      copy = edit.unique(name_of(uses[i]));
      edit.copy_tensor(name, copy);
    }
    edit.node_of(*uses[i].node).set_input(static_cast<int>(uses[i].input), copy);
  }
}

}  // namespace

bool is_uniform(const Tensor& tensor) {
  const std::size_t each = size_of(tensor.dtype());
  const auto* bytes = static_cast<const std::byte*>(tensor.data());
  const auto all = static_cast<std::size_t>(tensor.element_count()) * each;
  return all <= each || std::memcmp(bytes, bytes + each, all - each) == 0;
}

std::vector<Tie> find_ties(ModelEdit& edit) {
  const FlatGraph flat = edit.flat();
  std::vector<Tie> ties;
  for (const auto& [name, uses] : uses_of_weights(edit, flat)) {
    if (modules_of(uses).size() > 1) {
      ties.push_back(tie_of(edit, name, uses));
    }
  }
  return ties;
}

void untie(ModelEdit& edit, bool accidents, const NameTest& also) {
  const FlatGraph flat = edit.flat();
  std::vector<std::string> left;
  int count = 0, named = 0;
  for (const auto& [name, uses] : uses_of_weights(edit, flat)) {
    const Tie tie = tie_of(edit, name, uses);
    const bool asked = also && also(name);
    named += asked ? 1 : 0;
    if (asked || (accidents && tie.by_accident)) {
      separate(edit, name, uses);
      ++count;
    } else if (tie.modules.size() > 1) {
      left.push_back(concat("'", name, "'"));
    }
  }
  TEMPER_CHECK(!also || named > 0, ErrorCode::kInvalidArgument,
               "--untie-match names no weight that several nodes read; such weights are ",
               left.empty() ? "none" : join(left, ", "));
  edit.note(concat("--untie: ", count, " tensors that several modules read have a copy for each",
                   left.empty() ? "" : "; still shared, as a model means it: ", join(left, ", ")));
}

}  // namespace temper::graph
