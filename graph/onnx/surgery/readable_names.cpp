#include "graph/onnx/surgery/readable_names.h"

#include <algorithm>
#include <set>

#include <onnx.pb.h>

#include "graph/onnx/places.h"
#include "graph/onnx/surgery/linear_layers.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

// "running_mean" of "running mean"; a scale is a weight for PyTorch.
std::string suffix_of(const PlaceOfInput& place) {
  std::string text = place.what;
  if (text.find(' ') == std::string::npos) {
    text = place.place == Place::kWeight ? "weight" : place.place == Place::kBias ? "bias" : text;
  }
  std::replace(text.begin(), text.end(), ' ', '_');
  return text;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> readable_names(ModelEdit& edit) {
  const FlatGraph flat = edit.flat();
  const FlatIndex index(flat);
  std::vector<std::pair<std::string, std::string>> names;
  std::set<std::string> refused;  // of several modules
  const auto propose = [&](const std::string& tensor, const std::string& name) {
    if (!is_anonymous(tensor) || edit.find_tensor(tensor) == nullptr) {
      return;
    }
    const auto same = std::find_if(names.begin(), names.end(),
                                   [&](const auto& one) { return one.first == tensor; });
    if (same == names.end()) {
      names.emplace_back(tensor, name);
    } else if (same->second != name) {
      refused.insert(tensor);
    }
  };
  for (const FlatNode& node : flat.nodes) {
    if (node.scope.empty() || node.inlined) {
      continue;
    }
    if (const auto layer = linear_layer(edit, index, node)) {
      propose(layer->weight, node.scope + ".weight");
      propose(layer->bias, node.scope + ".bias");
      continue;
    }
    for (const PlaceOfInput& place : facts_of(node).places) {
      if (static_cast<std::size_t>(place.input) < node.inputs.size()) {
        propose(node.inputs[static_cast<std::size_t>(place.input)],
                node.scope + "." + suffix_of(place));
      }
    }
  }
  std::erase_if(names, [&](const auto& one) { return refused.contains(one.first); });
  return names;
}

void give_readable_names(ModelEdit& edit) {
  const auto& nodes = edit.graph().node();
  const bool has_scopes = std::any_of(nodes.begin(), nodes.end(), [](const auto& node) {
    return std::any_of(
        node.metadata_props().begin(), node.metadata_props().end(),
        [](const auto& entry) { return entry.key() == "pkg.torch.onnx.name_scopes"; });
  });
  TEMPER_CHECK(has_scopes, ErrorCode::kInvalidArgument,
               "--readable-names takes them from the metadata pkg.torch.onnx.name_scopes of the "
               "nodes, which this file has not");
  const auto names = readable_names(edit);
  for (const auto& [from, to] : names) {
    edit.rename(from, edit.unique(to));
  }
  edit.note(concat("--readable-names: ", names.size(), " weights are called after their modules"));
}

}  // namespace temper::graph
