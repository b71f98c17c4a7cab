// Inlining of model-local functions, with attribute references resolved and growth bounded, and of
// bodies, with names of their own.
#include "graph/onnx/flatten.h"

#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include <onnx.pb.h>

#include "graph/onnx/constant_states.h"
#include "graph/onnx/onnx_version.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr int kMaxCallDepth = 32;

using Opsets = std::map<std::string, std::int64_t>;
using FunctionKey = std::tuple<std::string, std::string, std::string>;  // domain, name, overload

template <class Imports>
Opsets read_opsets(const Imports& imports) {
  Opsets opsets;
  for (const auto& import : imports) {
    opsets[normal_domain(import.domain())] = import.version();
  }
  return opsets;
}

class Flattener {
 public:
  Flattener(const wire::ModelProto& model, std::uint64_t file_bytes, FlatGraph& out)
      : model_(model),
        model_opsets_(read_opsets(model.opset_import())),
        out_(out),
        byte_limit_((std::uint64_t{32} << 20) + 16 * file_bytes) {
    for (const auto& function : model.functions()) {
      const FunctionKey key{normal_domain(function.domain()), function.name(), function.overload()};
      TEMPER_CHECK(functions_.emplace(key, &function).second, ErrorCode::kInvalidModel,
                   "the function '", function.name(), "' is defined twice");
    }
  }

  void run() {
    Frame frame;
    frame.opsets = &model_opsets_;
    take_names(model_.graph());
    for (const auto& node : model_.graph().node()) {
      add(node, frame, nullptr);
    }
  }

 private:
  // What the names of a function or body are in the flat graph.
  struct Names {
    std::unordered_map<std::string, std::string> own;
    const Names* outer = nullptr;  // what a body sees beside its own
    bool is_body = false;

    const std::string* find(const std::string& name) const {
      for (const Names* at = this; at != nullptr; at = at->outer) {
        const auto found = at->own.find(name);
        if (found != at->own.end()) {
          return &found->second;
        }
      }
      return nullptr;
    }
  };

  struct Frame {
    const wire::FunctionProto* function = nullptr;  // null: the main graph
    const Opsets* opsets = nullptr;
    std::map<std::string, const wire::AttributeProto*> attributes;
    int depth = 0;
    int body = -1;
    std::string prefix;
  };

  // Those of the main graph are kept.
  void take_names(const wire::GraphProto& graph) {
    for (const auto& tensor : graph.initializer()) {
      taken_.insert(tensor.name());
    }
    for (const auto& input : graph.input()) {
      taken_.insert(input.name());
    }
    for (const auto& node : graph.node()) {
      taken_.insert(node.output().begin(), node.output().end());
    }
  }

  // The name in the flat graph of one of a body: its own where no other value has it.
  std::string fresh(const std::string& name, const Frame& frame, const FlatNode& owner) {
    std::string made = frame.prefix + name;
    if (!taken_.insert(made).second) {
      made = concat(owner.label().substr(0, 40), "#", ++calls_, "/", name);
      taken_.insert(made);
    }
    return made;
  }

  void spend(std::uint64_t bytes) {
    spent_ += bytes;
    TEMPER_CHECK(spent_ <= byte_limit_, ErrorCode::kInvalidModel,
                 "inlining the model's functions gives more than ", byte_limit_ >> 20,
                 " MiB of nodes, far more than the file's size justifies");
  }

  // `names`: those of the function or body; null in the main graph.
  void add(const wire::NodeProto& node, const Frame& frame, Names* names) {
    const std::string domain = normal_domain(node.domain());
    FlatNode flat;
    flat.op = node.op_type();
    flat.domain = domain;
    flat.name = frame.prefix + node.name();
    flat.source = &node;
    flat.inlined = frame.function != nullptr;
    flat.body = frame.body;
    flat.scope = module_scope(node);
    std::uint64_t bytes = sizeof(FlatNode) + flat.op.size() + flat.name.size() + flat.scope.size();
    for (const std::string& input : node.input()) {
      flat.inputs.push_back(inner_name(input, node, frame, names));
      bytes += sizeof(std::string) + flat.inputs.back().size();
    }
    for (const std::string& output : node.output()) {
      flat.outputs.push_back(output_name(output, frame, names));
      bytes += sizeof(std::string) + flat.outputs.back().size();
    }
    for (const auto& attribute : node.attribute()) {
      resolve(attribute, frame, node, flat);
      bytes += sizeof(FlatAttribute) + attribute.name().size();
      if (frame.function != nullptr && !flat.attributes.empty()) {
        const wire::AttributeProto& value = *flat.attributes.back().value;
        // Tensors are shared by all calls, lists are copied.
        bytes += value.has_t() || value.has_g() ? 0 : 2 * value.ByteSizeLong();
      }
    }
    spend(frame.function == nullptr ? 0 : bytes);
    const auto function = functions_.find({domain, node.op_type(), node.overload()});
    if (function != functions_.end()) {
      inline_call(flat, *function->second, frame);
      return;
    }
    flat.opset = opset_of(domain, frame);
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) {
        add_body(attribute.name(), attribute.g(), flat, frame, names);
      }
    }
    out_.nodes.push_back(std::move(flat));
  }

  void add_body(const std::string& attribute, const wire::GraphProto& graph, FlatNode& owner,
                const Frame& around, const Names* seen) {
    const auto index = static_cast<int>(out_.bodies.size());
    owner.bodies.push_back(index);
    out_.bodies.push_back({attribute, around.body, {}, {}, &graph});
    Frame frame = around;
    frame.body = index;
    Names names;
    names.outer = seen;
    names.is_body = true;
    std::vector<std::string> inputs;
    for (const auto& input : graph.input()) {
      inputs.push_back(fresh(input.name(), frame, owner));
      names.own.emplace(input.name(), inputs.back());
      out_.body_of_given.emplace(inputs.back(), index);
    }
    out_.bodies.back().inputs = std::move(inputs);
    for (const auto& tensor : graph.initializer()) {
      TEMPER_CHECK(!names.own.contains(tensor.name()), ErrorCode::kInvalidModel, "in ",
                   owner.label(), ", '", tensor.name(), "' is given twice");
      const std::string made = fresh(tensor.name(), frame, owner);
      names.own.emplace(tensor.name(), made);
      out_.initializers.emplace_back(made, &tensor);
      out_.body_of_given.emplace(made, index);
      if (frame.function != nullptr) {
        out_.shared.insert(made);
      }
    }
    TEMPER_CHECK(graph.sparse_initializer_size() == 0, ErrorCode::kUnsupported, "in ",
                 owner.label(), " are sparse initializers, which are not supported");
    std::uint64_t bytes = sizeof(FlatBody) + 128 * names.own.size();
    for (const auto& node : graph.node()) {
      for (const std::string& output : node.output()) {
        if (!output.empty() && !names.own.contains(output)) {
          names.own.emplace(output, fresh(output, frame, owner));
          bytes += 64 + output.size();
        }
      }
    }
    spend(frame.function == nullptr ? 0 : bytes);
    for (const auto& node : graph.node()) {
      add(node, frame, &names);
    }
    std::vector<std::string> outputs;
    for (const auto& output : graph.output()) {
      TEMPER_CHECK(!output.name().empty(), ErrorCode::kInvalidModel, "in ", owner.label(),
                   ", an output has no name");
      const std::string* known = names.find(output.name());
      outputs.push_back(known != nullptr ? *known : output.name());
    }
    out_.bodies[static_cast<std::size_t>(index)].outputs = std::move(outputs);
  }

  static std::string inner_name(const std::string& input, const wire::NodeProto& node,
                                const Frame& frame, const Names* names) {
    if (names == nullptr || input.empty()) {
      return input;
    }
    const std::string* found = names->find(input);
    if (found == nullptr && frame.function == nullptr) {
      return input;  // a body of the main graph sees its names
    }
    TEMPER_CHECK(found != nullptr, ErrorCode::kInvalidModel, "in a function, node '", node.name(),
                 "' (", node.op_type(), ") reads '", input, "', which nothing before it produces");
    return *found;
  }

  std::string output_name(const std::string& output, const Frame& frame, Names* names) {
    if (names == nullptr || output.empty()) {
      return output;
    }
    const auto bound = names->own.find(output);
    const bool known = bound != names->own.end();
    if (names->is_body && known) {
      return bound->second;
    }
    if (known && !bound->second.empty() && pending_outputs_.erase(bound->second) == 1) {
      return bound->second;  // the caller's name for this output
    }
    TEMPER_CHECK(!known, ErrorCode::kInvalidModel, "the function '", frame.function->name(),
                 "' produces '", output, "' twice");
    const std::string made = frame.prefix + output;
    names->own.emplace(output, made);
    taken_.insert(made);
    return made;
  }

  void resolve(const wire::AttributeProto& attribute, const Frame& frame,
               const wire::NodeProto& node, FlatNode& flat) {
    const wire::AttributeProto* value = &attribute;
    if (!attribute.ref_attr_name().empty()) {
      TEMPER_CHECK(frame.function != nullptr, ErrorCode::kInvalidModel, "node '", node.name(),
                   "' refers to a function's attribute '", attribute.ref_attr_name(),
                   "' outside of a function");
      const auto found = frame.attributes.find(attribute.ref_attr_name());
      if (found == frame.attributes.end()) {
        return;  // an optional attribute that the caller left out
      }
      value = found->second;
    }
    flat.attributes.push_back({attribute.name(), value});
  }

  std::int64_t opset_of(const std::string& domain, const Frame& frame) const {
    auto found = frame.opsets->find(domain);
    if (found == frame.opsets->end()) {
      found = model_opsets_.find(domain);
      if (found == model_opsets_.end()) {
        TEMPER_CHECK(
            !domain.empty(), ErrorCode::kInvalidModel,
            "the file does not say which opset of ONNX's ops it uses (no opset_import for the "
            "default domain)");
        return 0;
      }
    }
    if (domain.empty()) {
      const std::int64_t version = found->second;
      TEMPER_CHECK(version > 0, ErrorCode::kInvalidModel, "the file names the opset ", version);
      TEMPER_CHECK(version >= kOldestOpset && version <= kNewestOpset, ErrorCode::kUnsupported,
                   "the file uses opset ", version, "; opsets ", kOldestOpset, " to ", kNewestOpset,
                   " are supported");
    }
    return found->second;
  }

  void inline_call(const FlatNode& call, const wire::FunctionProto& function, const Frame& caller) {
    TEMPER_CHECK(caller.depth < kMaxCallDepth, ErrorCode::kInvalidModel,
                 "functions call each other more than ", kMaxCallDepth, " deep, at '",
                 function.name(), "'");
    TEMPER_CHECK(static_cast<int>(call.inputs.size()) <= function.input_size() &&
                     static_cast<int>(call.outputs.size()) <= function.output_size(),
                 ErrorCode::kInvalidModel, call.label(), " has ", call.inputs.size(),
                 " inputs and ", call.outputs.size(), " outputs, but the function has ",
                 function.input_size(), " and ", function.output_size());
    spend(64 * (static_cast<std::uint64_t>(function.opset_import_size()) + 1 +
                static_cast<std::uint64_t>(function.input_size()) +
                static_cast<std::uint64_t>(function.attribute_proto_size())));
    const Opsets opsets = read_opsets(function.opset_import());
    Frame frame;
    frame.function = &function;
    frame.opsets = &opsets;
    frame.depth = caller.depth + 1;
    frame.body = caller.body;
    // Inlined names start with a number of their own and stay short, whatever the caller is called.
    frame.prefix = concat(call.name.substr(0, 40), "#", ++calls_, "/");
    for (const auto& attribute : function.attribute_proto()) {
      frame.attributes[attribute.name()] = &attribute;
    }
    for (const FlatAttribute& attribute : call.attributes) {
      frame.attributes[attribute.name] = attribute.value;
    }
    Names names;
    for (int i = 0; i < function.input_size(); ++i) {
      const auto index = static_cast<std::size_t>(i);
      names.own.emplace(function.input(i), index < call.inputs.size() ? call.inputs[index] : "");
    }
    std::vector<std::pair<std::string, std::string>> copies;  // inner name, the caller's name
    for (std::size_t i = 0; i < call.outputs.size(); ++i) {
      const std::string& inner = function.output(static_cast<int>(i));
      if (call.outputs[i].empty()) {
        continue;
      }
      if (names.own.emplace(inner, call.outputs[i]).second) {
        pending_outputs_.insert(call.outputs[i]);
      } else {
        copies.emplace_back(
            inner, call.outputs[i]);  // a function that returns its input, or one value twice
      }
    }
    for (const auto& node : function.node()) {
      add(node, frame, &names);
    }
    for (const std::string& output : call.outputs) {
      TEMPER_CHECK(pending_outputs_.erase(output) == 0, ErrorCode::kInvalidModel, "the function '",
                   function.name(), "' does not produce '", output, "' that ", call.label(),
                   " asks for");
    }
    for (const auto& [inner, outer] : copies) {
      FlatNode copy;
      copy.op = "Identity";
      copy.opset = kNewestOpset;
      copy.name = frame.prefix + outer;
      copy.inputs = {names.own[inner]};
      copy.outputs = {outer};
      copy.inlined = true;
      copy.body = caller.body;
      out_.nodes.push_back(std::move(copy));
    }
  }

  const wire::ModelProto& model_;
  Opsets model_opsets_;
  std::map<FunctionKey, const wire::FunctionProto*> functions_;
  FlatGraph& out_;
  std::uint64_t byte_limit_;
  std::uint64_t spent_ = 0;
  std::int64_t calls_ = 0;
  std::unordered_set<std::string> pending_outputs_;  // callers' names not produced yet
  std::unordered_set<std::string> taken_;
};

}  // namespace

FlatGraph flatten(const wire::ModelProto& model, std::uint64_t file_bytes) {
  FlatGraph graph;
  for (const auto& tensor : model.graph().initializer()) {
    graph.initializers.emplace_back(tensor.name(), &tensor);
  }
  Flattener(model, file_bytes, graph).run();
  take_out_constant_states(graph);
  std::unordered_set<std::string> stored;
  for (const auto& [name, tensor] : graph.initializers) {
    TEMPER_CHECK(!name.empty(), ErrorCode::kInvalidModel, "an initializer has no name");
    TEMPER_CHECK(stored.insert(name).second, ErrorCode::kInvalidModel, "the initializer '", name,
                 "' is defined twice");
  }
  for (const auto& sparse : model.graph().sparse_initializer()) {
    stored.insert(sparse.values().name());
  }
  std::vector<std::string> inputs;
  std::unordered_set<std::string> declared;
  for (const auto& input : model.graph().input()) {
    TEMPER_CHECK(!input.name().empty(), ErrorCode::kInvalidModel, "a graph input has no name");
    TEMPER_CHECK(declared.insert(input.name()).second, ErrorCode::kInvalidModel,
                 "the graph input '", input.name(), "' is declared twice");
    if (!stored.contains(input.name())) {
      inputs.push_back(input.name());
    }
  }
  for (const auto& sparse : model.graph().sparse_initializer()) {
    inputs.push_back(
        sparse.values().name());  // known here, refused by name when the graph is built
  }
  std::vector<std::string> outputs;
  std::unordered_set<std::string> given;
  for (const auto& output : model.graph().output()) {
    TEMPER_CHECK(given.insert(output.name()).second, ErrorCode::kInvalidModel, "the graph output '",
                 output.name(), "' is declared twice");
    outputs.push_back(output.name());
  }
  check_and_sort(graph, inputs, outputs);
  return graph;
}

}  // namespace temper::graph
