#include "graph/onnx/surgery/lora.h"

#include <algorithm>
#include <string_view>

#include <onnx.pb.h>

#include "graph/onnx/places.h"
#include "graph/onnx/surgery/fresh_values.h"
#include "graph/onnx/surgery/linear_layers.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

// The nodes and tensors of one adapter.
struct Found {
  std::string layer;
  std::string a, b, factor;  // tensors
  const FlatNode* first = nullptr;
  const FlatNode* second = nullptr;
  const FlatNode* scaled = nullptr;
  const FlatNode* sum = nullptr;
  const FlatNode* base = nullptr;  // the layer's product
};

const FlatNode* only_reader(const FlatIndex& index, const std::string& value) {
  const auto& readers = index.readers(value);
  return readers.size() == 1 ? readers[0] : nullptr;
}

std::vector<Found> find_adapters(ModelEdit& edit, const FlatIndex& index) {
  std::vector<Found> all;
  for (const auto& tensor : edit.graph().initializer()) {
    const std::string& a = tensor.name();
    if (!a.ends_with(kLoraA)) {
      continue;
    }
    Found one;
    one.a = a;
    one.layer = a.substr(0, a.size() - std::string_view(kLoraA).size());
    one.b = one.layer + kLoraB;
    one.factor = one.layer + kLoraFactor;
    one.first = only_reader(index, a);
    one.second = one.first == nullptr ? nullptr : only_reader(index, one.first->outputs[0]);
    one.scaled = one.second == nullptr ? nullptr : only_reader(index, one.second->outputs[0]);
    one.sum = one.scaled == nullptr ? nullptr : only_reader(index, one.scaled->outputs[0]);
    if (one.sum != nullptr) {
      one.base = index.maker(one.sum->inputs[0]);
    }
    const auto reads = [](const FlatNode* node, const std::string& name) {
      return node != nullptr &&
             std::find(node->inputs.begin(), node->inputs.end(), name) != node->inputs.end();
    };
    TEMPER_CHECK(one.base != nullptr && reads(one.second, one.b) && reads(one.scaled, one.factor) &&
                     edit.find_tensor(one.b) != nullptr && edit.find_tensor(one.factor) != nullptr,
                 ErrorCode::kUnsupported, "'", a,
                 "' has the name of an adapter, but its nodes are not those that --lora makes");
    all.push_back(one);
  }
  TEMPER_CHECK(!all.empty(), ErrorCode::kInvalidArgument,
               "the model has no adapters: no tensor's name ends in ", kLoraA);
  return all;
}

void add_adapter(ModelEdit& edit, const LinearLayer& layer, const LoraOptions& options,
                 TorchUniform& fresh) {
  const TensorHeader header = edit.header(layer.weight);
  const std::int64_t out = header.shape[layer.output_axis];
  const std::int64_t in = header.shape[1 - layer.output_axis];
  const std::int64_t rank = options.rank;
  TEMPER_CHECK(rank < std::min(in, out), ErrorCode::kInvalidArgument, "--lora r=", rank,
               " is not below the rank of '", layer.weight, "' of layer '", layer.name(), "', ",
               std::min(in, out), "; leave the layer out with --match, or take a smaller r");
  const std::string name = layer.name();
  const std::vector<float> drawn = fresh.draw(rank * in, layer_bound(in));
  const std::vector<double> a = transposed({drawn.begin(), drawn.end()}, rank);
  const std::string a_name = edit.unique(name + kLoraA), b_name = edit.unique(name + kLoraB),
                    factor = edit.unique(name + kLoraFactor);
  TEMPER_CHECK(a_name == name + kLoraA && b_name == name + kLoraB && factor == name + kLoraFactor,
               ErrorCode::kUnsupported, "layer '", name,
               "' has an adapter already, or another of "
               "its name has; merge it first (--merge-lora)");
  edit.add_tensor(a_name, Tensor::from<double>(header.dtype, Shape{in, rank}, a), header.file_type);
  edit.add_tensor(b_name, Tensor(header.dtype, Shape{rank, out}), header.file_type);
  const double alpha = options.alpha == 0 ? static_cast<double>(rank) : options.alpha;
  edit.add_tensor(factor, Tensor::scalar<double>(header.dtype, alpha / static_cast<double>(rank)),
                  header.file_type);
  wire::NodeProto& product = edit.node_of(*layer.node);
  const std::string y = product.output(0), x = product.input(0);
  const std::string base = edit.unique(y + "_without_adapter");
  product.set_output(0, base);
  const std::string low = edit.unique(name + ".lora_x"), high = edit.unique(name + ".lora_y"),
                    scaled = edit.unique(name + ".lora_z");
  // Each goes directly behind the product, so the last one comes first.
  edit.insert_after(product, "Add", {base, scaled}, y);
  edit.insert_after(product, "Mul", {high, factor}, scaled);
  edit.insert_after(product, "MatMul", {low, b_name}, high);
  edit.insert_after(product, "MatMul", {x, a_name}, low);
}

}  // namespace

void add_lora(ModelEdit& edit, const LoraOptions& options) {
  TEMPER_CHECK(options.rank > 0, ErrorCode::kInvalidArgument, "--lora r=", options.rank,
               ", expected at least 1");
  const FlatGraph flat = edit.flat();
  const FlatIndex index(flat);
  TorchUniform fresh(options.seed);
  std::vector<std::string> others;
  int count = 0;
  std::set<std::string> names;
  for (const FlatNode& node : flat.nodes) {
    const auto layer = linear_layer(edit, index, node);
    if (!layer || layer->kind != Linear::kMatrix || names.contains(layer->name())) {
      continue;
    }
    const wire::AttributeProto* sideways = node.find("transA");
    if (sideways != nullptr && sideways->i() != 0) {
      continue;
    }
    if (layer->is_meant(options.match)) {
      names.insert(layer->name());
      add_adapter(edit, *layer, options, fresh);
      ++count;
    } else {
      others.push_back(concat("'", layer->name(), "'"));
    }
  }
  others.resize(std::min<std::size_t>(others.size(), 8));
  TEMPER_CHECK(count > 0, ErrorCode::kInvalidArgument,
               "--lora: the pattern of --match names no Gemm or MatMul with a stored weight; such "
               "layers are ",
               join(others, ", "));
  edit.note(concat("--lora: ", count, " layers have adapters of rank ", options.rank,
                   "; train with model.trainable = [\"**.lora_A\", \"**.lora_B\"]"));
}

std::vector<LoraAdapter> lora_adapters(ModelEdit& edit) {
  const FlatGraph flat = edit.flat();
  std::vector<LoraAdapter> adapters;
  for (const Found& one : find_adapters(edit, FlatIndex(flat))) {
    const auto as_stored = [&](const std::string& name) {
      const Tensor tensor = edit.read(name);
      const Shape& shape = tensor.shape();
      return Tensor::from<double>(tensor.dtype(), Shape{shape[1], shape[0]},
                                  transposed(tensor.values<double>(), shape[0]));
    };
    adapters.push_back({one.layer, as_stored(one.a), as_stored(one.b),
                        edit.read(one.factor).values<double>().front()});
  }
  return adapters;
}

void merge_lora(ModelEdit& edit) {
  const FlatGraph flat = edit.flat();
  const FlatIndex index(flat);
  const std::vector<Found> adapters = find_adapters(edit, index);
  std::set<std::string> gone;
  for (const Found& one : adapters) {
    const auto layer = linear_layer(edit, index, *one.base);
    TEMPER_CHECK(layer, ErrorCode::kUnsupported, "the adapter of '", one.layer, "' is at ",
                 one.base->label(), ", which has no stored weight");
    TEMPER_CHECK(edit.reads_of(layer->weight) == 1, ErrorCode::kUnsupported, "'", layer->weight,
                 "' of layer '", one.layer,
                 "' is read by other nodes too, which merging would "
                 "change; give each its own first (--untie-match '",
                 layer->weight, "')");
    const std::vector<double> a = edit.read(one.a).values<double>();
    const std::vector<double> b = edit.read(one.b).values<double>();
    // A Gemm multiplies what it has by its own factor.
    const wire::AttributeProto* gemm = one.base->find("alpha");
    const double factor = edit.read(one.factor).values<double>().front() /
                          (gemm == nullptr ? 1.0 : static_cast<double>(gemm->f()));
    const Tensor old = edit.read(layer->weight);
    std::vector<double> weight = old.values<double>();
    const std::int64_t out = old.shape()[layer->output_axis];
    const std::int64_t in = old.shape()[1 - layer->output_axis];
    const auto rank = static_cast<std::int64_t>(a.size()) / in;
    std::vector<double> row(static_cast<std::size_t>(out));
    for (std::int64_t i = 0; i < in; ++i) {
      std::fill(row.begin(), row.end(), 0.0);
      for (std::int64_t r = 0; r < rank; ++r) {
        const double left = factor * a[static_cast<std::size_t>(i * rank + r)];
        for (std::int64_t o = 0; o < out; ++o) {
          row[static_cast<std::size_t>(o)] += left * b[static_cast<std::size_t>(r * out + o)];
        }
      }
      for (std::int64_t o = 0; o < out; ++o) {
        weight[static_cast<std::size_t>(layer->output_axis == 1 ? i * out + o : o * in + i)] +=
            row[static_cast<std::size_t>(o)];
      }
    }
    edit.set_value(layer->weight, Tensor::from<double>(old.dtype(), old.shape(), weight));
    const std::string y = one.sum->outputs[0];
    wire::NodeProto& product = edit.node_of(*one.base);
    for (const FlatNode* node : {one.first, one.second, one.scaled, one.sum}) {
      edit.remove_node(edit.node_of(*node));
    }
    product.set_output(0, y);
    gone.insert({one.a, one.b, one.factor});
  }
  edit.remove_unread(gone);
  edit.note(concat("--merge-lora: the adapters of ", adapters.size(),
                   " layers are in their weights now"));
}

}  // namespace temper::graph
