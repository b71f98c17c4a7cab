#include "graph/onnx/surgery/lora.h"

#include <algorithm>

#include <onnx.pb.h>

#include "graph/onnx/surgery/fresh_values.h"
#include "graph/onnx/surgery/insert_dropout.h"
#include "graph/onnx/surgery/lora_layers.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

// [r, in, kh, kw] and [out, r, 1, 1] of a layer.
struct AdapterShapes {
  Shape a, b;
};

AdapterShapes shapes_of(ModelEdit& edit, const LoraLayer& one, std::int64_t rank) {
  const Shape weight = edit.header(one.layer.weight).shape;
  const int outputs = one.layer.output_axis;
  AdapterShapes shapes{Shape{rank, weight[1 - outputs]}, Shape{weight[outputs], rank}};
  for (int i = 2; i < weight.rank(); ++i) {
    shapes.a.push_back(weight[i]);
    shapes.b.push_back(1);
  }
  return shapes;
}

class Adding {
 public:
  Adding(ModelEdit& edit, double dropout) : edit_(edit), dropout_(dropout) {
    TEMPER_CHECK(dropout >= 0 && dropout < 1, ErrorCode::kInvalidArgument,
                 "the dropout of --lora is ", dropout,
                 ", expected a share of at least 0 and below 1");
  }

  // `a` and `b` as peft stores them.
  void add(const LoraLayer& one, const Tensor& a, const Tensor& b, double factor) {
    const std::string& name = one.name;
    TEMPER_CHECK(one.refused.empty(), ErrorCode::kUnsupported, "layer '", name,
                 "' can have no adapter: ", one.refused, "; leave it out with --match");
    for (const char* suffix : {kLoraA, kLoraB, kLoraFactor}) {
      TEMPER_CHECK(edit_.unique(name + suffix) == name + suffix, ErrorCode::kUnsupported, "layer '",
                   name,
                   "' has an adapter already, or another of its name has; merge it first "
                   "(--merge-lora)");
    }
    const TensorHeader header = edit_.header(one.layer.weight);
    const bool is_conv = one.form == LoraForm::kConvolution;
    const auto store = [&](const char* suffix, const Tensor& value) {
      edit_.add_tensor(name + suffix, value, header.file_type);
    };
    const auto typed = [&](const Tensor& value) {
      return Tensor::from<double>(header.dtype, value.shape(), value.values<double>());
    };
    store(kLoraA, typed(is_conv ? a : turned(a)));
    store(kLoraB, typed(is_conv ? b : turned(b)));
    store(kLoraFactor, Tensor::scalar<double>(header.dtype, factor));
    if (one.form == LoraForm::kWeight) {
      in_weight(one);
    } else {
      beside(one);
    }
    ++count_;
  }

  int count() const { return count_; }

 private:
  void beside(const LoraLayer& one) {
    const std::string& name = one.name;
    const char* op = one.form == LoraForm::kConvolution ? "Conv" : "MatMul";
    wire::NodeProto& node = edit_.node_of(*one.layer.node);
    const std::string y = node.output(0), x = node.input(0);
    const std::string base = edit_.unique(y + "_without_adapter");
    node.set_output(0, base);
    const std::string low = edit_.unique(name + ".lora_x"), high = edit_.unique(name + ".lora_y"),
                      scaled = edit_.unique(name + ".lora_z");
    const std::string dropped = dropout_ > 0 ? edit_.unique(name + kLoraDropped) : x;
    // Each goes directly behind the layer, so the last one comes first.
    edit_.insert_after(node, "Add", {base, scaled}, y);
    edit_.insert_after(node, "Mul", {high, name + kLoraFactor}, scaled);
    edit_.insert_after(node, op, {low, name + kLoraB}, high);
    wire::NodeProto& first = edit_.insert_after(node, op, {dropped, name + kLoraA}, low);
    if (one.form == LoraForm::kConvolution) {
      for (const char* window : {"auto_pad", "dilations", "kernel_shape", "pads", "strides"}) {
        if (const wire::AttributeProto* found = find_attribute(node, window)) {
          *first.add_attribute() = *found;
        }
      }
    }
    if (dropout_ > 0) {
      set_dropout_ratio(edit_, edit_.insert_after(node, "Dropout", {x}, dropped), dropout_, ratio_);
    }
  }

  // Of an op that does more than the product: its weight is computed in front of it.
  void in_weight(const LoraLayer& one) {
    TEMPER_CHECK(dropout_ == 0, ErrorCode::kUnsupported, "the adapter of layer '", one.name, "' (",
                 one.layer.node->label(),
                 ") is added to its weight, where there is no dropout; leave it out with --match, "
                 "or the dropout");
    wire::NodeProto& node = edit_.node_of(*one.layer.node);
    const std::string weight = node.input(1);
    const std::string product = edit_.unique(one.name + ".lora_product");
    const std::string scaled = edit_.unique(one.name + ".lora_z");
    const std::string sum = edit_.unique(one.name + ".weight_with_adapter");
    edit_.insert_before(node, "MatMul", {one.name + kLoraA, one.name + kLoraB}, product);
    std::string delta = product;
    if (one.layer.output_axis == 0) {
      delta = edit_.unique(one.name + ".lora_turned");
      set_ints(edit_.insert_before(node, "Transpose", {product}, delta), "perm", {1, 0});
    }
    edit_.insert_before(node, "Mul", {delta, one.name + kLoraFactor}, scaled);
    edit_.insert_before(node, "Add", {weight, scaled}, sum);
    edit_.node_of(*one.layer.node).set_input(1, sum);
  }

  ModelEdit& edit_;
  double dropout_;
  std::string ratio_;  // the tensor that has it
  int count_ = 0;
};

std::int64_t rank_of(const LoraOptions& options, const LoraLayer& one) {
  for (const LoraRank& rank : options.ranks) {
    if (one.layer.is_meant(rank.match)) {
      return rank.rank;
    }
  }
  return options.rank;
}

constexpr const char* kTrainAdapters =
    "; train with model.trainable = [\"**.lora_A\", \"**.lora_B\"]";

}  // namespace

void add_lora(ModelEdit& edit, const LoraOptions& options) {
  const FlatGraph flat = edit.flat();
  const FlatIndex index(flat);
  TorchUniform fresh(options.seed);
  std::vector<std::string> others;
  std::set<std::int64_t> ranks;
  Adding adding(edit, options.dropout);
  for (const LoraLayer& one : lora_layers(edit, flat, index)) {
    if (!one.layer.is_meant(options.match)) {
      others.push_back(concat("'", one.name, "'"));
      continue;
    }
    const std::int64_t rank = rank_of(options, one);
    TEMPER_CHECK(rank > 0, ErrorCode::kInvalidArgument, "--lora r=", rank, ", expected at least 1");
    const AdapterShapes shapes = shapes_of(edit, one, rank);
    const std::int64_t in = shapes.a.element_count() / rank, out = shapes.b[0];
    TEMPER_CHECK(rank < std::min(in, out), ErrorCode::kInvalidArgument, "--lora r=", rank,
                 " is not below the rank of '", one.layer.weight, "' of layer '", one.name, "', ",
                 std::min(in, out), "; leave the layer out with --match, or take a smaller r");
    const std::vector<float> drawn = fresh.draw(rank * in, layer_bound(in));
    const double alpha = options.alpha == 0 ? static_cast<double>(rank) : options.alpha;
    adding.add(one,
               Tensor::from<double>(DType::kFloat32, shapes.a,
                                    std::vector<double>(drawn.begin(), drawn.end())),
               Tensor(DType::kFloat32, shapes.b), alpha / static_cast<double>(rank));
    ranks.insert(rank);
  }
  others.resize(std::min<std::size_t>(others.size(), 8));
  TEMPER_CHECK(adding.count() > 0, ErrorCode::kInvalidArgument,
               "--lora: the pattern of --match names no Gemm, MatMul or Conv with a stored weight; "
               "such layers are ",
               join(others, ", "));
  std::vector<std::string> texts;
  for (const std::int64_t rank : ranks) {
    texts.push_back(concat(rank));
  }
  edit.note(concat("--lora: ", adding.count(), " layers have adapters of rank ",
                   join(texts, " or "), kTrainAdapters));
}

namespace {

// PyTorch's exporter writes paths from the module that was exported on, peft from the model that
// the adapters were made for: one may be inside of the other.
bool is_path_in(const std::string& inner, const std::string& outer) {
  return outer.size() > inner.size() && outer.ends_with(inner) &&
         outer[outer.size() - inner.size() - 1] == '.';
}

const LoraLayer* find_layer(const std::vector<LoraLayer>& layers, const std::string& name) {
  const auto names_it = [&](const LoraLayer& one) {
    const std::string& weight = one.layer.weight;
    return one.name == name || weight == name || weight == name + ".weight" ||
           one.layer.node->name == name;
  };
  const auto exact = std::find_if(layers.begin(), layers.end(), names_it);
  if (exact != layers.end()) {
    return &*exact;
  }
  const LoraLayer* found = nullptr;
  for (const LoraLayer& one : layers) {
    if (is_path_in(name, one.name) || is_path_in(one.name, name)) {
      if (found != nullptr) {
        return nullptr;  // of two layers
      }
      found = &one;
    }
  }
  return found;
}

// A tensor that was trained whole, by its name or as the weight or bias of a layer.
bool set_whole(ModelEdit& edit, const std::vector<LoraLayer>& layers, const std::string& name,
               Tensor value) {
  std::string target = name;
  if (edit.find_tensor(name) == nullptr) {
    const std::size_t dot = name.rfind('.');
    const LoraLayer* one =
        dot == std::string::npos ? nullptr : find_layer(layers, name.substr(0, dot));
    if (one == nullptr) {
      return false;
    }
    const bool is_weight = name.substr(dot) == ".weight";
    target = is_weight ? one->layer.weight : name.substr(dot) == ".bias" ? one->layer.bias : "";
    if (is_weight && one->layer.output_axis == 1 && value.shape().rank() == 2) {
      value = turned(value);
    }
  }
  if (target.empty() || edit.find_tensor(target) == nullptr) {
    return false;
  }
  const TensorHeader header = edit.header(target);
  TEMPER_CHECK(header.shape == value.shape(), ErrorCode::kInvalidArgument, "--lora-load: '", name,
               "' is ", value.shape(), ", but '", target, "' of the model is ", header.shape);
  edit.set_value(target, Tensor::from<double>(header.dtype, value.shape(), value.values<double>()));
  return true;
}

}  // namespace

void load_lora(ModelEdit& edit, const LoraLoad& load) {
  const FlatGraph flat = edit.flat();
  const FlatIndex index(flat);
  const std::vector<LoraLayer> layers = lora_layers(edit, flat, index);
  Adding adding(edit, load.dropout);
  std::vector<std::string> unknown;
  std::set<const LoraLayer*> taken;
  for (const LoraAdapter& adapter : load.adapters) {
    const LoraLayer* one = find_layer(layers, adapter.layer);
    if (one == nullptr || !taken.insert(one).second) {
      unknown.push_back(concat("'", adapter.layer, "'"));
      continue;
    }
    const std::int64_t rank = adapter.a.shape().rank() == 0 ? 0 : adapter.a.shape()[0];
    const AdapterShapes shapes = shapes_of(edit, *one, rank);
    TEMPER_CHECK(rank > 0 && adapter.a.shape() == shapes.a && adapter.b.shape() == shapes.b,
                 ErrorCode::kInvalidArgument, "--lora-load: the adapter of '", adapter.layer,
                 "' in '", load.from, "' is ", adapter.a.shape(), " and ", adapter.b.shape(),
                 ", but layer '", one->name, "' takes ", shapes.a, " and ", shapes.b);
    const std::optional<double> alpha = load.alpha;
    TEMPER_CHECK(adapter.factor || alpha, ErrorCode::kInvalidArgument, "'", load.from,
                 "' does not say alpha, and there is no adapter_config.json beside it; give it: "
                 "--lora alpha=16");
    adding.add(*one, adapter.a, adapter.b,
               adapter.factor ? *adapter.factor : *alpha / static_cast<double>(rank));
  }
  int whole = 0;
  for (const auto& [name, value] : load.tensors) {
    if (set_whole(edit, layers, name, value)) {
      ++whole;
    } else {
      unknown.push_back(concat("'", name, "'"));
    }
  }
  std::vector<std::string> names;
  for (const LoraLayer& one : layers) {
    if (names.size() < 8) {
      names.push_back(concat("'", one.name, "'"));
    }
  }
  TEMPER_CHECK(unknown.empty(), ErrorCode::kInvalidArgument, "--lora-load: '", load.from, "' has ",
               join(unknown, ", "), ", which the model has not, or not once; its layers are ",
               join(names, ", "));
  edit.note(concat("--lora-load: ", adding.count(), " layers have the adapters of '", load.from,
                   "'", whole > 0 ? concat(", and ", whole, " tensors its values") : "",
                   kTrainAdapters));
}

}  // namespace temper::graph
