#include "graph/onnx/deploy/fixed_tensors.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <onnx.pb.h>

#include "graph/onnx/surgery/node_attributes.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/evaluate.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

bool has_bodies(const wire::NodeProto& node) {
  return std::any_of(node.attribute().begin(), node.attribute().end(),
                     [](const auto& one) { return one.has_g(); });
}

// What gives no tensor, or would undo what the file has small on purpose.
bool stays(const std::string& op) {
  return op.starts_with("Sequence") || op.starts_with("Optional") || op == "SplitToSequence" ||
         op == "DequantizeLinear";
}

template <class List>
void keep_only(List& list, const auto& is_wanted) {
  int kept = 0;
  for (int i = 0; i < list.size(); ++i) {
    if (is_wanted(list.Get(i))) {
      list.SwapElements(kept++, i);
    }
  }
  list.DeleteSubrange(kept, list.size() - kept);
}

void set_numbers(wire::TensorProto& tensor, const std::string& name, const SizeVector& vector) {
  tensor.set_name(name);
  tensor.set_data_type(7);
  if (!vector.is_scalar) {
    tensor.add_dims(static_cast<std::int64_t>(vector.elements.size()));
  }
  for (const auto& element : vector.elements) {
    tensor.add_int64_data(*element);
  }
}

}  // namespace

struct FixedTensors::Probe {
  explicit Probe(OnnxModel made)
      : model(std::move(made)), graph(model.build_graph(standard_ops())) {}
  OnnxModel model;
  Graph graph;
};

FixedTensors::FixedTensors(ModelEdit& edit, const ValueFacts& facts, const Backend& reference)
    : edit_(edit), facts_(facts), reference_(reference), sizes_(find_size_vectors(edit, facts)) {
  std::erase_if(sizes_, [](const auto& one) { return !one.second.is_known(); });
  if (edit.proto().ir_version() >= 4) {
    for (const auto& input : edit.graph().input()) {
      free_inputs_.insert(input.name());
    }
  }
  find_nodes();
  if (!values_.empty()) {
    make_probe();
  }
}

FixedTensors::~FixedTensors() = default;

bool FixedTensors::is_stored(const std::string& name) const {
  return edit_.find_tensor(name) != nullptr && !free_inputs_.contains(name);
}

bool FixedTensors::is_fixed_node(const wire::NodeProto& node) const {
  const auto is_fixed = [&](const std::string& name) {
    return name.empty() || values_.contains(name) || is_stored(name);
  };
  const OpDef* op = standard_ops().find_imported(node.op_type());
  if (!normal_domain(node.domain()).empty() || op == nullptr || op->is_stateful ||
      node.input_size() == 0 || has_bodies(node) || stays(node.op_type())) {
    return false;
  }
  if (node.op_type() == "CastLike") {  // its type counts alone
    return node.input_size() == 2 && is_fixed(node.input(0)) && facts_.type(node.input(1)) != 0;
  }
  return std::all_of(node.input().begin(), node.input().end(), is_fixed);
}

void FixedTensors::find_nodes() {
  for (const auto& node : edit_.graph().node()) {
    if (node.output_size() == 1 && sizes_.contains(node.output(0))) {
      values_[node.output(0)];
    } else if (is_fixed_node(node)) {
      for (const std::string& output : node.output()) {
        if (!output.empty()) {
          values_[output];
        }
      }
    }
  }
}

// The fixed nodes alone, sizes as stored numbers, all values as outputs.
void FixedTensors::make_probe() {
  const OnnxModel whole = edit_.model();
  ModelEdit part(whole);
  wire::GraphProto& graph = part.graph();
  const auto wanted = [&](const wire::NodeProto& node) {
    const bool is_size = node.output_size() == 1 && sizes_.contains(node.output(0));
    return node.input_size() == 0
               ? node.op_type() == "Constant"
               : !is_size && std::any_of(node.output().begin(), node.output().end(),
                                         [&](auto& name) { return values_.contains(name); });
  };
  keep_only(*graph.mutable_node(), wanted);
  for (auto& node : *graph.mutable_node()) {
    if (node.op_type() == "CastLike") {
      const std::int32_t type = facts_.type(node.input(1));
      node.set_op_type("Cast");
      node.mutable_input()->RemoveLast();
      set_int(node, "to", type);
    }
  }
  for (const auto& [name, vector] : sizes_) {
    set_numbers(*graph.add_initializer(), name, vector);
  }
  graph.clear_input();
  graph.clear_output();
  graph.clear_value_info();
  int index = 0;
  for (auto& [name, value] : values_) {
    if (!sizes_.contains(name)) {
      graph.add_output()->set_name(name);
      value.output = index++;
    }
  }
  part.proto();  // tensors moved
  if (index > 0) {
    probe_ = std::make_unique<Probe>(part.model());
    bind_shapes(probe_->graph, {}, 1, reference_);
  }
  for (auto& [name, value] : values_) {
    const auto size = sizes_.find(name);
    if (size == sizes_.end()) {
      const auto& output = probe_->graph.outputs.at(static_cast<std::size_t>(value.output));
      value.shape = probe_->graph.value(output.value).shape;
      value.dtype = probe_->graph.value(output.value).dtype;
      continue;
    }
    value.dtype = DType::kInt64;
    if (!size->second.is_scalar) {
      value.shape.push_back(static_cast<std::int64_t>(size->second.elements.size()));
    }
  }
}

std::vector<std::string> FixedTensors::names() const {
  std::vector<std::string> all;
  for (const auto& [name, value] : values_) {
    all.push_back(name);
  }
  return all;
}

const Shape& FixedTensors::shape(const std::string& name) const { return values_.at(name).shape; }
DType FixedTensors::dtype(const std::string& name) const { return values_.at(name).dtype; }

// Without rounding: 16-bit floats were computed in float32.
bool FixedTensors::holds(std::int32_t type, const Tensor& value) const {
  if (type != 10 && type != 16) {
    return graph_dtype(type) == value.dtype();
  }
  const Tensor rounded =
      value.to_plain(type == 10 ? DType::kFloat16 : DType::kBFloat16).to_plain(DType::kFloat32);
  return value.dtype() == DType::kFloat32 && equal_bits(rounded, value);
}

// A tensor with the same bits is read in its place.
void FixedTensors::put(const std::string& name, const Tensor& value, std::int32_t type) {
  for (const Stored& one : stored_) {
    if (one.type == type && equal_bits(one.value, value)) {
      edit_.forget_shape(name);
      edit_.rename(name, one.name);
      return;
    }
  }
  stored_.push_back({name, type, value});
  edit_.add_tensor(name, value, type);
}

std::set<std::string> FixedTensors::store(const std::set<std::string>& wanted) {
  std::map<std::string, Tensor> tensors;
  std::vector<ValueId> ids;
  std::vector<std::string> names;
  for (const auto& [name, value] : values_) {
    if (!wanted.contains(name)) {
      continue;
    }
    if (const auto size = sizes_.find(name); size != sizes_.end()) {
      std::vector<std::int64_t> numbers;
      for (const auto& element : size->second.elements) {
        numbers.push_back(*element);
      }
      tensors[name] = Tensor::from<std::int64_t>(DType::kInt64, value.shape, numbers);
    } else if (value.dtype != DType::kOpaque && value.dtype != DType::kUndefined) {
      ids.push_back(probe_->graph.outputs.at(static_cast<std::size_t>(value.output)).value);
      names.push_back(name);
    }
  }
  const std::vector<Tensor> computed =
      ids.empty() ? std::vector<Tensor>{} : evaluate(probe_->graph, reference_, {}, ids);
  for (std::size_t i = 0; i < names.size(); ++i) {
    tensors[names[i]] = computed[i];
  }
  std::set<std::string> done;
  std::vector<const wire::NodeProto*> gone;
  for (const auto& node : edit_.graph().node()) {
    const bool all = std::all_of(node.output().begin(), node.output().end(), [&](auto& name) {
      const auto found = tensors.find(name);
      return name.empty() || (found != tensors.end() && holds(facts_.type(name), found->second));
    });
    const bool any = std::any_of(node.output().begin(), node.output().end(),
                                 [&](auto& name) { return tensors.contains(name); });
    if (all && any) {
      gone.push_back(&node);
    }
  }
  for (const wire::NodeProto* node : gone) {
    const std::vector<std::string> outputs(node->output().begin(), node->output().end());
    std::vector<std::int32_t> types;
    for (const std::string& name : outputs) {
      types.push_back(name.empty() ? 0 : facts_.type(name));
    }
    std::vector<std::string> stored_as = outputs;
    for (std::string& name : stored_as) {  // an output of the model is given by a node
      if (!name.empty() && edit_.is_output(name)) {
        const std::string made = edit_.unique(name + "_value");
        edit_.insert_before(*node, "Identity", {made}, name);
        name = made;
      }
    }
    edit_.remove_node(*node);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (!outputs[i].empty()) {
        put(stored_as[i], tensors.at(outputs[i]), types[i]);
        done.insert(outputs[i]);
      }
    }
  }
  return done;
}

namespace {

void count_reads(const wire::GraphProto& graph, std::map<std::string, int>& reads) {
  for (const auto& node : graph.node()) {
    for (const std::string& name : node.input()) {
      ++reads[name];
    }
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) {
        count_reads(attribute.g(), reads);
      }
    }
  }
  for (const auto& output : graph.output()) {
    ++reads[output.name()];
  }
}

}  // namespace

std::set<std::string> read_values(ModelEdit& edit) {
  std::map<std::string, int> reads;
  count_reads(edit.graph(), reads);
  std::set<std::string> names;
  for (const auto& [name, count] : reads) {
    names.insert(name);
  }
  return names;
}

RemovedParts remove_unread_parts(ModelEdit& edit, const std::set<std::string>* among) {
  RemovedParts removed;
  std::map<std::string, int> reads;
  count_reads(edit.graph(), reads);
  const auto is_gone = [&](const std::string& name) {
    return name.empty() || (reads[name] == 0 && (among == nullptr || among->contains(name)));
  };
  auto& nodes = *edit.graph().mutable_node();
  for (int i = nodes.size(); i-- > 0;) {  // readers stand behind what they read
    const wire::NodeProto& node = nodes.Get(i);
    if (node.output_size() == 0 || has_bodies(node) ||
        !std::all_of(node.output().begin(), node.output().end(), is_gone)) {
      continue;
    }
    for (const std::string& input : node.input()) {
      --reads[input];
    }
    removed.nodes += node.op_type() == "Constant" ? 0 : 1;
    removed.tensors += node.op_type() == "Constant" ? 1 : 0;
    nodes.DeleteSubrange(i, 1);
  }
  std::set<std::string> unread;
  for (const std::string& name : edit.initializers()) {
    if (is_gone(name)) {
      unread.insert(name);
    }
  }
  removed.tensors += static_cast<int>(unread.size());
  edit.remove_unread(unread);
  return removed;
}

}  // namespace temper::graph
