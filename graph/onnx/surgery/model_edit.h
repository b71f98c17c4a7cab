// A model file under change: the messages as they are to be written, and what the edits of this
// folder share: finding, naming, adding and removing tensors and nodes. Everything that an edit
// does not touch is written as it was read.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "graph/onnx/file_form.h"
#include "graph/onnx/import.h"
#include "graph/onnx/model_file.h"
#include "graph/onnx/tensor_codec.h"

namespace temper::wire {
class GraphProto;
class ValueInfoProto;
}  // namespace temper::wire

namespace temper::graph {

// Which parts of a model are meant, by a name of theirs.
using NameTest = std::function<bool(std::string_view)>;

class ModelEdit {
 public:
  explicit ModelEdit(const OnnxModel& model);
  ~ModelEdit();
  ModelEdit(const ModelEdit&) = delete;
  ModelEdit& operator=(const ModelEdit&) = delete;

  // Whoever changes tensors or Constant nodes in the messages themselves asks for them anew.
  wire::ModelProto& proto();
  wire::GraphProto& graph();
  std::int64_t opset() const;
  // The model as it stands, in memory. COST: a copy of the messages, without large tensors.
  OnnxModel model() const;
  // As model(), for analyses; `source` of its nodes points into proto(). Valid until a change.
  // Without the nodes and initializers of bodies (of If, Loop, Scan), which are not edited.
  FlatGraph flat() const;

  // --- tensors -----------------------------------------------------------------
  // The initializer of this name, or the tensor of the Constant node that gives it; null: neither.
  wire::TensorProto* find_tensor(const std::string& name);
  // The names of the initializers, in the order of the file.
  std::vector<std::string> initializers() const;
  // Why the values of a tensor cannot be read ("tensors of type STRING are not supported"), or "".
  std::string unreadable(const std::string& name);
  TensorHeader header(const std::string& name);
  Tensor read(const std::string& name);
  // As the file stores it, a piece at a time. Outlives changes of the messages, not the model.
  PlainValue stored(const std::string& name);
  // Numbers of a stored integer tensor.
  std::vector<std::int64_t> integers(const std::string& name);
  // A new initializer of this type in the file (FLOAT16 for a 16-bit model). THROWS:
  // kInvalidArgument for a value that the type does not hold.
  void add_tensor(const std::string& name, const Tensor& value, std::int32_t file_type);
  void add_tensor(wire::TensorProto tensor);
  void add_integers(const std::string& name, const std::vector<std::int64_t>& numbers);
  // Another value, of another shape if need be, and the same type.
  void replace_tensor(const std::string& name, const Tensor& value);
  // Another value of the same shape, put in when the file is written: large ones stay out of the
  // messages. model() does not know of it.
  void set_value(const std::string& name, const Tensor& value);
  // Another type, and `value`, of the same shape, in it. Of a tensor outside of the messages it is
  // asked for when the file is written, and model() does not know of it. THROWS, perhaps only then:
  // kInvalidArgument for a finite value that becomes infinite.
  void convert_tensor(const std::string& name, std::int32_t file_type, PlainValue value);
  // A second initializer with the bytes of the first.
  void copy_tensor(const std::string& from, const std::string& to);
  // Initializers and Constant nodes of these names that nothing reads any more are gone.
  void remove_unread(const std::set<std::string>& names);

  // --- nodes -------------------------------------------------------------------
  // The node of the file behind one of flat(). REQUIRES: it is not inlined.
  wire::NodeProto& node_of(const FlatNode& node);
  // A new node of ONNX's domain in front of, or behind, another one, in the graph or body where
  // that one stands.
  wire::NodeProto& insert_before(const wire::NodeProto& place, const std::string& op,
                                 const std::vector<std::string>& inputs, const std::string& output);
  wire::NodeProto& insert_after(const wire::NodeProto& place, const std::string& op,
                                const std::vector<std::string>& inputs, const std::string& output);
  void remove_node(const wire::NodeProto& node);
  // How many nodes and graph outputs read the value; bodies of If and Loop count once each.
  int reads_of(const std::string& name) const;
  bool is_output(const std::string& name) const;

  // --- names -------------------------------------------------------------------
  // The name, or the name with a number behind it when the file has one like it.
  std::string unique(const std::string& name);
  // A tensor or value gets another name, wherever it stands, bodies of If and Loop included.
  void rename(const std::string& from, const std::string& to);
  // What the file says of the shape of a value is no longer true.
  void forget_shape(const std::string& value);
  wire::ValueInfoProto* find_value_info(const std::string& value);

  // A line for people: what was done.
  void note(std::string text) { notes_.push_back(std::move(text)); }
  const std::vector<std::string>& notes() const { return notes_; }

  // THROWS: as export_model().
  void write(const std::string& path, const FileForm& form = {}) const;

 private:
  void take_names(const wire::GraphProto& graph);
  static void declare_inputs(wire::ModelProto& model);
  // The graph, or body, that the node stands in.
  wire::GraphProto& graph_of(const wire::NodeProto& node);
  wire::NodeProto& insert_at(const wire::NodeProto& place, int distance, const std::string& op,
                             const std::vector<std::string>& inputs, const std::string& output);

  const OnnxModel& origin_;
  std::unique_ptr<wire::ModelProto> proto_;
  std::map<std::string, Tensor> values_;
  std::map<std::string, PlainValue> converted_;  // what convert_tensor() left outside
  std::unordered_map<std::string, wire::TensorProto*> tensors_;  // made when it is empty
  std::set<std::string> names_;                                  // of values, tensors and nodes
  std::vector<std::string> notes_;
};

}  // namespace temper::graph
