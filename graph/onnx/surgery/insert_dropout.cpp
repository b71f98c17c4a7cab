#include "graph/onnx/surgery/insert_dropout.h"

#include <onnx.pb.h>

#include "graph/onnx/places.h"
#include "graph/onnx/surgery/classifier.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::int64_t kRatioIsAnInput = 12;  // since this opset
constexpr std::int32_t kFloat = 1;

class DropoutInserter {
 public:
  DropoutInserter(ModelEdit& edit, const DropoutOptions& options)
      : edit_(edit), options_(options), flat_(edit.flat()), index_(flat_) {}

  void run() {
    if (!options_.match) {
      const Classifier last =
          find_classifier(edit_, index_, output_name(edit_, options_.output), "--insert-dropout");
      wire::NodeProto& node = edit_.node_of(*last.layer.node);
      const std::string x = node.input(0);
      const std::string dropped = edit_.unique(x + "_dropout");
      finish(edit_.insert_before(node, "Dropout", {x}, dropped));
      node.set_input(0, dropped);
      edit_.note(concat("--insert-dropout: Dropout of ", options_.ratio, " in front of layer '",
                        last.layer.name(), "'"));
      return;
    }
    int count = 0;
    for (const FlatNode& node : flat_.nodes) {
      const auto layer = linear_layer(edit_, index_, node);
      if (layer && layer->is_meant(options_.match)) {
        behind(layer->bias_add != nullptr ? *layer->bias_add : node);
        ++count;
      }
    }
    TEMPER_CHECK(count > 0, ErrorCode::kInvalidArgument,
                 "--insert-dropout: the pattern of --match names no Gemm, MatMul or Conv with a "
                 "stored weight; without --match it comes in front of the last layer");
    edit_.note(
        concat("--insert-dropout: Dropout of ", options_.ratio, " behind ", count, " layers"));
  }

 private:
  // Behind the activation where there is one.
  void behind(const FlatNode& last) {
    const FlatNode* node = &last;
    const auto& readers = index_.readers(node->outputs[0]);
    if (readers.size() == 1 && facts_of(*readers[0]).activation != Activation::kNone) {
      node = readers[0];
    }
    wire::NodeProto& file = edit_.node_of(*node);
    const std::string y = file.output(0);
    const std::string kept = edit_.unique(y + "_without_dropout");
    file.set_output(0, kept);
    finish(edit_.insert_after(file, "Dropout", {kept}, y));
  }

  void finish(wire::NodeProto& node) { set_dropout_ratio(edit_, node, options_.ratio, ratio_); }

  ModelEdit& edit_;
  const DropoutOptions& options_;
  FlatGraph flat_;
  FlatIndex index_;
  std::string ratio_;
};

}  // namespace

void set_dropout_ratio(ModelEdit& edit, wire::NodeProto& node, double ratio, std::string& stored) {
  if (edit.opset() < kRatioIsAnInput) {
    set_float(node, "ratio", static_cast<float>(ratio));
    return;
  }
  if (stored.empty()) {
    stored = edit.unique("dropout_ratio");
    edit.add_tensor(stored, Tensor::scalar<double>(DType::kFloat32, ratio), kFloat);
  }
  node.add_input(stored);
}

void insert_dropout(ModelEdit& edit, const DropoutOptions& options) {
  TEMPER_CHECK(options.ratio >= 0 && options.ratio < 1, ErrorCode::kInvalidArgument,
               "--insert-dropout is ", options.ratio,
               ", expected a share of at least 0 and below 1");
  DropoutInserter(edit, options).run();
}

}  // namespace temper::graph
