#include "graph/onnx/surgery/findings.h"

#include <algorithm>

#include <onnx.pb.h>

#include "graph/onnx/inference_form.h"
#include "graph/onnx/surgery/lift_constants.h"
#include "graph/onnx/surgery/linear_layers.h"
#include "graph/onnx/surgery/readable_names.h"
#include "graph/onnx/surgery/restore_batchnorm.h"
#include "graph/onnx/surgery/restore_bias.h"
#include "graph/onnx/surgery/strip_activation.h"
#include "graph/onnx/surgery/tie.h"
#include "graph/onnx/surgery/untie.h"

namespace temper::graph {
namespace {

using Names = std::vector<std::string>;

class Finder {
 public:
  explicit Finder(const OnnxModel& model) : model_(model), edit_(model) {}

  std::vector<Finding> run() {
    training_form();
    add(weights_in_constants(edit_), "weights in Constant nodes", "--lift-constants");
    ties();
    written_twice();
    Names anonymous;
    for (const auto& [from, to] : readable_names(edit_)) {
      anonymous.push_back(concat(from, " is ", to));
    }
    add(anonymous, "weights with names that the exporter made up", "--readable-names");
    activations();
    biases();
    add(folded_batchnorms(edit_), "Conv that a BatchNormalization was folded into",
        "--restore-batchnorm");
    batch();
    lengths();
    adapters();
    return std::move(findings_);
  }

 private:
  void add(Names names, const std::string& what, const char* edit) {
    if (!names.empty()) {
      const std::size_t count = names.size();
      names.resize(std::min<std::size_t>(count, 3));
      findings_.push_back({concat(what, " (", count, ")"), std::move(names), edit});
    }
  }

  void training_form() {
    ModelEdit changed(model_);
    to_inference_form(changed.proto());
    if (changed.proto().SerializeAsString() != edit_.proto().SerializeAsString()) {
      findings_.push_back({"nodes in training form", {}, "--inference"});
    }
  }

  void ties() {
    Names names;
    for (const Tie& tie : find_ties(edit_)) {
      if (tie.by_accident) {
        names.push_back(concat(tie.tensor, " of ", tie.modules.size(), " modules"));
      }
    }
    add(names, "weights that were merged because they were equal, and train as one", "--untie");
  }

  void written_twice() {
    Names names;
    for (const WrittenTwice& one : find_written_twice(edit_)) {
      names.push_back(concat(one.copy, " is ", one.tensor, one.turned ? " transposed" : ""));
    }
    add(names, "weights that are an embedding once more, and train apart from it", "--tie");
  }

  void activations() {
    Names labels;
    const auto& outputs = edit_.graph().output();
    if (!outputs.empty()) {
      const std::string label = final_activation(edit_, outputs.Get(0).name());
      if (!label.empty()) {
        labels.push_back(label);
      }
    }
    add(labels, "probabilities as output, where losses for classes take logits",
        "--strip-activation");
  }

  // Other exporters keep biases of zeros.
  void biases() {
    if (edit_.proto().producer_name() == "pytorch") {
      add(layers_without_bias(edit_),
          "layers without a bias: the model has none, or zeros were dropped", "--restore-bias");
    }
  }

  void batch() {
    const BatchInfo batch = model_.batch();
    if (batch.kind == BatchInfo::Kind::kFixed) {
      findings_.push_back(
          {concat("a batch of ", batch.value, ": training takes any, other programs do not"),
           {},
           "--dynamic-batch"});
    }
  }

  // Of inputs of tokens: a picture's size is often the model's.
  void lengths() {
    Names names;
    std::string axes;
    for (const OnnxValueInfo& input : model_.inputs()) {
      if (is_integer(input.dtype) && input.dims.size() == 2 && input.dims[1].value > 1) {
        names.push_back(concat(input.name, " is ", input.dims[1].value, " long"));
        axes += concat(axes.empty() ? "" : ",", input.name, ":1=seq");
      }
    }
    add(names, "inputs of one length", concat("--dynamic-axis ", axes).c_str());
  }

  void adapters() {
    Names names;
    for (const auto& tensor : edit_.graph().initializer()) {
      const std::string& name = tensor.name();
      if (name.ends_with(kLoraA)) {
        names.push_back(name);
      }
    }
    add(names, "layers with adapters", "--merge-lora");
  }

  const OnnxModel& model_;
  ModelEdit edit_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> find_what_exporters_did(const OnnxModel& model) { return Finder(model).run(); }

}  // namespace temper::graph
