#include "graph/onnx/subgraphs.h"

#include <map>
#include <unordered_set>
#include <utility>

#include <onnx.pb.h>

#include "graph/onnx/model_file.h"
#include "graph/onnx/tensor_codec.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

constexpr std::size_t kShown = 100;  // a hostile name may have megabytes

// Calls f(attribute name, body) for each body of a node. Nesting is bounded by scan_wire().
template <class Attributes, class F>
void for_each_body(const Attributes& attributes, F f) {
  for (const wire::AttributeProto* attribute : attributes) {
    if (attribute->has_g()) {
      f(attribute->name(), attribute->g());
    }
    for (const wire::GraphProto& body : attribute->graphs()) {
      f(attribute->name(), body);
    }
  }
}

std::vector<const wire::AttributeProto*> attributes_of(const wire::NodeProto& node) {
  std::vector<const wire::AttributeProto*> list;
  for (const auto& attribute : node.attribute()) {
    list.push_back(&attribute);
  }
  return list;
}

std::vector<const wire::AttributeProto*> attributes_of(const FlatNode& node) {
  std::vector<const wire::AttributeProto*> list;
  for (const FlatAttribute& attribute : node.attributes) {
    list.push_back(attribute.value);
  }
  return list;
}

void add_reads(const wire::GraphProto& body, std::set<std::string>& reads) {
  std::set<std::string> inside;
  std::set<std::string> own;
  for (const auto& input : body.input()) {
    own.insert(input.name());
  }
  for (const auto& tensor : body.initializer()) {
    own.insert(tensor.name());
  }
  for (const auto& node : body.node()) {
    own.insert(node.output().begin(), node.output().end());
    inside.insert(node.input().begin(), node.input().end());
    for_each_body(attributes_of(node), [&](const std::string&, const wire::GraphProto& inner) {
      add_reads(inner, inside);
    });
  }
  for (const auto& output : body.output()) {
    inside.insert(output.name());
  }
  for (const std::string& name : inside) {
    if (!own.contains(name)) {
      reads.insert(name);
    }
  }
}

std::string label_of(const wire::NodeProto& node) {
  const std::string op = node.op_type().substr(0, kShown);
  return node.name().empty() ? op : concat(op, " '", node.name().substr(0, kShown), "'");
}

class Summary {
 public:
  std::vector<SubgraphSummary> take() { return std::move(made_); }

  void add(const std::string& owner, const std::string& attribute, const wire::GraphProto& body) {
    if (!seen_.insert(&body).second) {
      return;  // of a function that is called several times
    }
    SubgraphSummary summary;
    summary.owner = owner;
    summary.branch = attribute.substr(0, kShown);
    std::map<std::string, std::int64_t> counts;
    for (const auto& tensor : body.initializer()) {
      add_tensor(tensor.name(), tensor, owner, summary);
    }
    for (const auto& node : body.node()) {
      const std::string domain = normal_domain(node.domain());
      ++counts[domain.empty() ? node.op_type() : domain + "::" + node.op_type()];
      for (const auto& attribute_of_node : node.attribute()) {
        if (node.op_type() == "Constant" && attribute_of_node.has_t() && node.output_size() == 1) {
          add_tensor(node.output(0), attribute_of_node.t(), owner, summary);
        }
      }
    }
    summary.op_counts.assign(counts.begin(), counts.end());
    made_.push_back(std::move(summary));
    for (const auto& node : body.node()) {
      for_each_body(attributes_of(node), [&](const std::string& name, const wire::GraphProto& g) {
        add(concat(owner, " > ", label_of(node)), name, g);
      });
    }
  }

 private:
  static void add_tensor(const std::string& name, const wire::TensorProto& tensor,
                         const std::string& owner, SubgraphSummary& summary) {
    if (!unsupported_reason(tensor).empty() || !is_float(graph_dtype(tensor.data_type()))) {
      return;
    }
    const TensorHeader header = check_tensor(tensor, tensor_label(name));
    TensorDecision decision;
    decision.name = name;
    decision.dtype = header.dtype;
    decision.file_type = onnx_type_name(header.file_type);
    decision.shape = header.shape;
    decision.external = header.external;
    decision.why = concat("inside ", owner);
    summary.tensors.push_back(std::move(decision));
  }

  std::unordered_set<const wire::GraphProto*> seen_;
  std::vector<SubgraphSummary> made_;
};

}  // namespace

std::set<std::string> read_in_subgraphs(const FlatNode& node) {
  std::set<std::string> reads;
  if (!node.inlined) {  // a function's inner names are others in the flat graph
    for_each_body(attributes_of(node), [&](const std::string&, const wire::GraphProto& body) {
      add_reads(body, reads);
    });
  }
  return reads;
}

std::vector<SubgraphSummary> OnnxModel::subgraphs() const {
  Summary summary;
  for (const FlatNode& node : impl_->flat.nodes) {
    for_each_body(attributes_of(node), [&](const std::string& name, const wire::GraphProto& body) {
      summary.add(node.label(), name, body);
    });
  }
  return summary.take();
}

}  // namespace temper::graph
