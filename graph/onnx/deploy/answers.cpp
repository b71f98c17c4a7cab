#include "graph/onnx/deploy/answers.h"

#include <onnx.pb.h>

#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kInt64 = 7, kString = 8;  // TensorProto.DataType
constexpr std::int64_t kSoftmaxOfOneAxisSince = 13, kGreaterOrEqualSince = 12;

class AnswerNodes {
 public:
  AnswerNodes(ModelEdit& edit, const Answers& answers) : edit_(edit), answers_(answers) {
    for (auto& output : *edit.graph().mutable_output()) {
      info_ = output.name() == answers.output ? &output : info_;
    }
    TEMPER_CHECK(info_ != nullptr, ErrorCode::kInvalidArgument, "the model has no output '",
                 answers.output, "'");
    const auto& type = info_->type().tensor_type();
    rank_ = type.has_shape() ? type.shape().dim_size() : -1;
    TEMPER_CHECK(rank_ >= 2, ErrorCode::kUnsupported, "output '", answers.output,
                 rank_ < 0 ? "' does not say its shape"
                           : "' has no axis of classes behind that of the samples",
                 "; probabilities are of [N, classes, ...]");
    TEMPER_CHECK(rank_ == 2 || edit.opset() >= kSoftmaxOfOneAxisSince || !answers.one_class,
                 ErrorCode::kUnsupported, "before opset ", kSoftmaxOfOneAxisSince,
                 " Softmax is over all axes from the second on, and output '", answers.output,
                 "' has rank ", rank_, ": --opset ", kSoftmaxOfOneAxisSince,
                 " brings it there, in the same command");
  }

  std::vector<std::string> build() {
    const std::string scores = add_probabilities();
    if (answers_.one_class) {
      add_class(scores);
    } else {
      add_labels(scores);
    }
    return outputs_;
  }

 private:
  wire::NodeProto& emit(const char* op, const std::vector<std::string>& inputs,
                        const std::string& output) {
    auto& nodes = edit_.graph().node();
    return edit_.insert_after(nodes.Get(nodes.size() - 1), op, inputs, output);
  }

  std::string add_probabilities() {
    const std::string scores = info_->name();
    const std::string name = edit_.unique("probabilities");
    if (answers_.scores == Answers::Scores::kProbabilities) {
      emit("Identity", {scores}, name);
    } else if (answers_.scores == Answers::Scores::kLogProbabilities) {
      emit("Exp", {scores}, name);
    } else if (answers_.one_class) {
      set_int(emit("Softmax", {scores}, name), "axis", 1);
    } else {
      emit("Sigmoid", {scores}, name);
    }
    info_->set_name(name);
    outputs_.push_back(name);
    return name;
  }

  // Of the probabilities' shape, or without its second dimension.
  void add_output(const std::string& name, std::int32_t elem_type, bool by_class) {
    wire::ValueInfoProto made;
    made.set_name(name);
    auto& type = *made.mutable_type()->mutable_tensor_type();
    type.set_elem_type(elem_type);
    const auto& shape = info_->type().tensor_type().shape();
    for (int i = 0; i < shape.dim_size(); ++i) {
      if (i != 1 || by_class) {
        *type.mutable_shape()->add_dim() = shape.dim(i);
      }
    }
    outputs_.push_back(name);
    added_.push_back(std::move(made));
  }

  void add_class(const std::string& scores) {
    const std::string index = edit_.unique("class");
    wire::NodeProto& node = emit("ArgMax", {scores}, index);
    set_int(node, "axis", 1);
    set_int(node, "keepdims", 0);
    add_output(index, kInt64, false);
    if (!answers_.names.empty()) {
      const std::string name = edit_.unique("class_name");
      emit("Gather", {name_table(), index}, name);
      add_output(name, kString, false);
    }
    take_outputs();
  }

  void add_labels(const std::string& scores) {
    TEMPER_CHECK(edit_.opset() >= kGreaterOrEqualSince, ErrorCode::kUnsupported,
                 "labels need operators of opset ", kGreaterOrEqualSince,
                 ", and the model has opset ", edit_.opset(), ": --opset ", kGreaterOrEqualSince,
                 " brings it there, in the same command");
    const std::string bound = edit_.unique("threshold");
    edit_.add_tensor(bound,
                     Tensor::scalar<float>(DType::kFloat32, static_cast<float>(answers_.threshold)),
                     info_->type().tensor_type().elem_type());
    const std::string holds = edit_.unique("label_holds");
    emit("GreaterOrEqual", {scores, bound}, holds);
    const std::string labels = edit_.unique("labels");
    set_int(emit("Cast", {holds}, labels), "to", kInt64);
    add_output(labels, kInt64, true);
    take_outputs();
  }

  // Only now: the list moves when it grows.
  void take_outputs() {
    for (wire::ValueInfoProto& made : added_) {
      *edit_.graph().add_output() = std::move(made);
    }
  }

  std::string name_table() {
    wire::TensorProto table;
    table.set_name(edit_.unique("class_names"));
    table.set_data_type(kString);
    table.add_dims(static_cast<std::int64_t>(answers_.names.size()));
    for (const std::string& name : answers_.names) {
      table.add_string_data(name);
    }
    const std::string made = table.name();
    edit_.add_tensor(std::move(table));
    return made;
  }

  ModelEdit& edit_;
  const Answers& answers_;
  wire::ValueInfoProto* info_ = nullptr;
  int rank_ = 0;
  std::vector<std::string> outputs_;
  std::vector<wire::ValueInfoProto> added_;
};

}  // namespace

std::vector<std::string> embed_answers(ModelEdit& edit, const Answers& answers) {
  return AnswerNodes(edit, answers).build();
}

}  // namespace temper::graph
