#include "graph/onnx/surgery/head.h"

#include <algorithm>
#include <charconv>

#include <onnx.pb.h>

#include "graph/onnx/class_names.h"
#include "graph/onnx/surgery/classifier.h"
#include "graph/onnx/surgery/fresh_values.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

using Rows = std::vector<std::int64_t>;

class Head {
 public:
  Head(ModelEdit& edit, const HeadOptions& options)
      : edit_(edit), options_(options), flat_(edit.flat()), index_(flat_) {}

  void run() {
    found_ = find_classifier(edit_, index_, output_name(edit_, options_.output), "--head-classes");
    const Shape shape = edit_.header(layer().weight).shape;
    old_classes_ = shape[layer().output_axis];
    const Rows kept = kept_rows();
    set_weight(shape, kept);
    set_bias(kept);
    for (const FlatNode* node : found_.passed) {
      set_target(*node);
    }
    set_shapes();
    forget_claims();
    const std::string name = layer().name();
    edit_.note(concat("--head-classes: layer '", name, "' gives ", options_.classes,
                      " classes in place of ", old_classes_, "; ", kept.size(),
                      " are kept, the others are new (seed ", options_.seed, ")"));
  }

 private:
  const LinearLayer& layer() const { return found_.layer; }

  std::vector<std::pair<std::string, std::string>> metadata() const {
    std::vector<std::pair<std::string, std::string>> entries;
    for (const auto& entry : edit_.proto().metadata_props()) {
      entries.emplace_back(entry.key(), entry.value());
    }
    return entries;
  }

  // What a run wrote of the classes that the model had, and how well it told them apart.
  void forget_claims() {
    auto& entries = *edit_.proto().mutable_metadata_props();
    for (int i = entries.size(); i-- > 0;) {
      const std::string& key = entries.Get(i).key();
      if (key == "temper.classes" || key.starts_with("temper.metric")) {
        entries.DeleteSubrange(i, 1);
      }
    }
  }

  Rows kept_rows() const {
    TEMPER_CHECK(static_cast<std::int64_t>(options_.keep.size()) <= options_.classes,
                 ErrorCode::kInvalidArgument, "--head-keep names ", options_.keep.size(),
                 " classes, but the new head has ", options_.classes);
    const std::vector<std::string> names = class_names(metadata());
    Rows rows;
    for (const std::string& word : options_.keep) {
      std::int64_t row = -1;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), row);
      if (error != std::errc() || end != word.data() + word.size()) {
        const auto found = std::find(names.begin(), names.end(), word);
        TEMPER_CHECK(found != names.end(), ErrorCode::kInvalidArgument, "--head-keep: '", word,
                     "' is no number, and the file's metadata names no such class",
                     names.empty() ? " (it names none)" : "");
        row = found - names.begin();
      }
      TEMPER_CHECK(row >= 0 && row < old_classes_, ErrorCode::kInvalidArgument,
                   "--head-keep: class ", row, ", but the file's classes are 0 to ",
                   old_classes_ - 1);
      rows.push_back(row);
    }
    return rows;
  }

  // [classes, what a class takes], as PyTorch stores it.
  void set_weight(const Shape& shape, const Rows& kept) {
    const std::int64_t each = shape.element_count() / old_classes_;
    fan_in_ = each;
    std::vector<double> old = edit_.read(layer().weight).values<double>();
    if (layer().output_axis == 1) {
      old = transposed(old, shape[0]);
    }
    const std::vector<float> drawn = fresh_.draw(options_.classes * each, layer_bound(each));
    std::vector<double> made(drawn.begin(), drawn.end());
    for (std::size_t i = 0; i < kept.size(); ++i) {
      std::copy_n(old.begin() + kept[i] * each, each,
                  made.begin() + static_cast<std::int64_t>(i) * each);
    }
    if (layer().output_axis == 1) {
      made = transposed(made, options_.classes);
    }
    Shape now = shape;
    now[layer().output_axis] = options_.classes;
    put(layer().weight, Tensor::from<double>(edit_.header(layer().weight).dtype, now, made));
  }

  void set_bias(const Rows& kept) {
    if (layer().bias.empty()) {
      return;
    }
    const Tensor old = edit_.read(layer().bias);
    const std::vector<double> before = old.values<double>();
    const std::vector<float> drawn = fresh_.draw(options_.classes, layer_bound(fan_in_));
    std::vector<double> made(drawn.begin(), drawn.end());
    for (std::size_t i = 0; i < kept.size(); ++i) {
      made[i] = before[static_cast<std::size_t>(kept[i])];
    }
    put(layer().bias, Tensor::from<double>(old.dtype(), Shape{options_.classes}, made));
  }

  // The layer's own: other readers of the tensor keep what they had.
  void put(const std::string& name, const Tensor& value) {
    if (edit_.reads_of(name) == 1) {
      edit_.replace_tensor(name, value);
      return;
    }
    const std::string own = edit_.unique("head." + name);
    edit_.add_tensor(own, value, edit_.header(name).file_type);
    const FlatNode* transpose = index_.maker(layer().node->inputs[1]);
    for (const FlatNode* reader : {layer().node, layer().bias_add, transpose}) {
      if (reader == nullptr) {
        continue;
      }
      for (auto& input : *edit_.node_of(*reader).mutable_input()) {
        input = input == name ? own : input;
      }
    }
  }

  // A Reshape behind the layer holds the number of classes.
  void set_target(const FlatNode& node) {
    if (node.op != "Reshape" || edit_.find_tensor(node.inputs[1]) == nullptr) {
      return;
    }
    std::vector<std::int64_t> target = edit_.integers(node.inputs[1]);
    const auto holds = std::count(target.begin(), target.end(), old_classes_);
    if (holds == 0) {
      return;
    }
    TEMPER_CHECK(holds == 1, ErrorCode::kUnsupported, node.label(),
                 " has several dimensions of the number of classes, ", old_classes_);
    std::replace(target.begin(), target.end(), old_classes_, options_.classes);
    const std::string name = edit_.unique(node.outputs[0] + "_shape");
    edit_.add_integers(name, target);
    edit_.node_of(node).set_input(1, name);
    edit_.remove_unread({node.inputs[1]});
  }

  void set_shapes() {
    for (const std::string& value : found_.values) {
      wire::ValueInfoProto* info = edit_.find_value_info(value);
      if (info == nullptr) {
        continue;
      }
      auto& dims = *info->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim();
      int at = dims.size() - 1;
      if (layer().kind == Linear::kConvolution) {
        at = std::min(1, at);
      }
      if (at >= 0 && dims.Get(at).dim_value() == old_classes_) {
        dims.Mutable(at)->set_dim_value(options_.classes);
      } else if (!edit_.is_output(value)) {
        edit_.forget_shape(value);
      } else {
        for (auto& dim : dims) {
          if (dim.dim_value() == old_classes_) {
            dim.set_dim_value(options_.classes);
          }
        }
      }
    }
  }

  ModelEdit& edit_;
  const HeadOptions& options_;
  FlatGraph flat_;
  FlatIndex index_;
  TorchUniform fresh_{options_.seed};
  Classifier found_;
  std::int64_t old_classes_ = 0;
  std::int64_t fan_in_ = 1;
};

}  // namespace

void replace_head(ModelEdit& edit, const HeadOptions& options) {
  TEMPER_CHECK(options.classes > 0, ErrorCode::kInvalidArgument, "--head-classes is ",
               options.classes, ", expected at least 1");
  Head(edit, options).run();
}

}  // namespace temper::graph
