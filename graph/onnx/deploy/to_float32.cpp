#include "graph/onnx/deploy/to_float32.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <onnx.pb.h>

#include "graph/onnx/deploy/fold.h"
#include "graph/onnx/deploy/rename_reads.h"
#include "graph/onnx/deploy/value_facts.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "graph/onnx/tensor_codec.h"
#include "runtime/base/concat.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kFloat = 1, kFloat16 = 10, kBFloat16 = 16;  // TensorProto.DataType

bool is_narrow_float(std::int64_t type) { return type == kFloat16 || type == kBFloat16; }

// The same numbers in float32, a piece at a time.
PlainValue widened(PlainValue value, std::int32_t type) {
  const auto give = std::move(value.for_each_piece);
  return {DType::kFloat32, value.shape, [give, type](const TakePiece& take) {
            std::vector<std::byte> wide;
            give([&](std::span<const std::byte> piece) {
              wide.resize(2 * piece.size());
              decode_floats(type, piece, wide);
              take(wide);
            });
          }};
}

class Float32Edit {
 public:
  Float32Edit(ModelEdit& edit, const Float32Options& options)
      : edit_(edit), options_(options), known_(options.observe(edit.model())) {}

  void run() {
    find_casts();
    if (!options_.convert_io) {
      keep_inputs();
      keep_outputs();
    }
    convert_tensors();
    convert_graph(edit_.graph());
    for (auto& function : *edit_.proto().mutable_functions()) {
      for (auto& node : *function.mutable_node()) {
        convert_attributes(node);
      }
    }
    if (tensors_ + nodes_ + infos_ == 0) {
      edit_.note("--precision fp32: the file has no floats of 16 bits");
      return;
    }
    int left_out = 0;
    for (const wire::NodeProto* cast : casts_) {
      const bool is_edge = kept_.contains(cast->input(0)) || kept_.contains(cast->output(0));
      left_out += !is_edge && leave_out_copy(edit_, *cast) ? 1 : 0;
    }
    edit_.proto();  // tensors changed
    edit_.note(concat("--precision fp32: ", tensors_, " tensors are in float32, ", left_out,
                      " Cast were left out"));
  }

 private:
  // Between floats: with one type of them they do nothing.
  void find_casts() {
    const ValueFacts facts(edit_, known_);
    const auto counts = [](std::int64_t type) { return type == kFloat || is_narrow_float(type); };
    for (const auto& node : edit_.graph().node()) {
      const bool is_cast = node.op_type() == "Cast" && normal_domain(node.domain()).empty() &&
                           node.input_size() == 1 && counts(int_attribute(node, "to", 0));
      if (is_cast && counts(facts.type(node.input(0)))) {
        casts_.push_back(&node);
      }
    }
  }

  bool is_narrow(const wire::ValueInfoProto& info) const {
    return info.type().has_tensor_type() && is_narrow_float(info.type().tensor_type().elem_type());
  }

  // The inside reads a Cast of the input.
  void keep_inputs() {
    for (const auto& input : edit_.graph().input()) {
      if (!is_narrow(input) || edit_.find_tensor(input.name()) != nullptr ||
          edit_.graph().node_size() == 0) {
        continue;
      }
      const std::string inside = edit_.unique(input.name() + "_fp32");
      for (auto& node : *edit_.graph().mutable_node()) {
        std::replace(node.mutable_input()->begin(), node.mutable_input()->end(), input.name(),
                     inside);
        rename_in_bodies(node, input.name(), inside);
      }
      set_int(edit_.insert_before(edit_.graph().node(0), "Cast", {input.name()}, inside), "to",
              kFloat);
      kept_.insert(input.name());
    }
  }

  void keep_outputs() {
    std::vector<wire::NodeProto*> nodes;
    for (auto& node : *edit_.graph().mutable_node()) {
      nodes.push_back(&node);
    }
    for (const auto& output : edit_.graph().output()) {
      if (!is_narrow(output)) {
        continue;
      }
      const auto made = std::find_if(nodes.begin(), nodes.end(), [&](const auto* node) {
        return std::find(node->output().begin(), node->output().end(), output.name()) !=
               node->output().end();
      });
      TEMPER_CHECK(made != nodes.end(), ErrorCode::kUnsupported, "output '", output.name(),
                   "' is of 16 bits and no node gives it; --convert-io makes it float32");
      const std::string inside = edit_.unique(output.name() + "_fp32");
      for (wire::NodeProto* node : nodes) {
        std::replace(node->mutable_input()->begin(), node->mutable_input()->end(), output.name(),
                     inside);
        std::replace(node->mutable_output()->begin(), node->mutable_output()->end(), output.name(),
                     inside);
        rename_in_bodies(*node, output.name(), inside);
      }
      set_int(edit_.insert_after(*nodes.back(), "Cast", {inside}, output.name()), "to",
              output.type().tensor_type().elem_type());
      kept_.insert(output.name());
    }
  }

  void convert_tensors() {
    for (const std::string& name : edit_.initializers()) {
      const std::int32_t type = edit_.find_tensor(name)->data_type();
      if (is_narrow_float(type)) {
        edit_.convert_tensor(name, kFloat, widened(edit_.stored(name), type));
        ++tensors_;
      }
    }
  }

  // Files nest no deeper than they are parsed.
  void convert_graph(wire::GraphProto& graph) {
    for (auto* infos :
         {graph.mutable_input(), graph.mutable_output(), graph.mutable_value_info()}) {
      for (auto& info : *infos) {
        if (is_narrow(info) && !kept_.contains(info.name())) {
          info.mutable_type()->mutable_tensor_type()->set_elem_type(kFloat);
          ++infos_;
        }
      }
    }
    if (&graph != &edit_.graph()) {
      for (auto& tensor : *graph.mutable_initializer()) {
        convert(tensor);
      }
    }
    for (auto& node : *graph.mutable_node()) {
      convert_attributes(node);
    }
  }

  void convert_attributes(wire::NodeProto& node) {
    const bool is_edge = std::any_of(node.output().begin(), node.output().end(),
                                     [&](auto& name) { return kept_.contains(name); });
    for (auto& attribute : *node.mutable_attribute()) {
      const std::string& name = attribute.name();
      if (attribute.has_t()) {
        convert(*attribute.mutable_t());
      } else if (attribute.has_g()) {
        convert_graph(*attribute.mutable_g());
      } else if (!is_edge && is_narrow_float(attribute.i()) &&
                 (name == "to" || name == "dtype" || name == "output_dtype" ||
                  name == "stash_type" || name == "softmax_precision" || name == "precision" ||
                  name == "output_datatype")) {
        attribute.set_i(kFloat);
        ++nodes_;
      }
    }
  }

  void convert(wire::TensorProto& tensor) {
    if (!is_narrow_float(tensor.data_type())) {
      return;
    }
    const Tensor value = decode_tensor(tensor, "a tensor of a node", nullptr);
    const std::string name = tensor.name();
    tensor.Clear();
    tensor.set_name(name);
    tensor.set_data_type(kFloat);
    for (const std::int64_t dim : value.shape()) {
      tensor.add_dims(dim);
    }
    tensor.set_raw_data(encode_raw(kFloat, value, "a tensor of a node"));
    ++tensors_;
  }

  ModelEdit& edit_;
  const Float32Options& options_;
  const KnownValues known_;
  std::vector<const wire::NodeProto*> casts_;
  std::set<std::string> kept_;  // inputs and outputs that stay in 16 bits
  std::size_t tensors_ = 0, nodes_ = 0, infos_ = 0;
};

}  // namespace

void to_float32(ModelEdit& edit, const Float32Options& options) {
  Float32Edit(edit, options).run();
}

}  // namespace temper::graph
