// Adapters taken out of a file, and put into its weights.
#include <algorithm>

#include <onnx.pb.h>

#include "graph/onnx/surgery/fresh_values.h"
#include "graph/onnx/surgery/lora.h"
#include "graph/onnx/surgery/lora_layers.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

using Numbers = std::vector<double>;

LoraAdapter adapter_at(ModelEdit& edit, const LoraPlace& place) {
  const auto as_peft_has_it = [&](const std::string& name) {
    const Tensor tensor = edit.read(name);
    const Shape& shape = tensor.shape();
    return place.form == LoraForm::kConvolution
               ? tensor
               : Tensor::from<double>(tensor.dtype(), Shape{shape[1], shape[0]},
                                      transposed(tensor.values<double>(), shape[0]));
  };
  return {place.layer, as_peft_has_it(place.a), as_peft_has_it(place.b),
          edit.read(place.factor).values<double>().front()};
}

// W + B A f; the window of a Conv is part of A's columns. `outputs`: the axis of W.
Tensor with_adapter(const Tensor& old, int outputs, const LoraAdapter& adapter, double factor) {
  const Numbers a = adapter.a.values<double>(), b = adapter.b.values<double>();
  Numbers weight = old.values<double>();
  const std::int64_t rank = adapter.a.shape()[0], out = adapter.b.shape()[0];
  const std::int64_t in = static_cast<std::int64_t>(a.size()) / rank;
  Numbers row(static_cast<std::size_t>(in));
  for (std::int64_t o = 0; o < out; ++o) {
    std::fill(row.begin(), row.end(), 0.0);
    for (std::int64_t r = 0; r < rank; ++r) {
      const double left = factor * b[static_cast<std::size_t>(o * rank + r)];
      for (std::int64_t i = 0; i < in; ++i) {
        row[static_cast<std::size_t>(i)] += left * a[static_cast<std::size_t>(r * in + i)];
      }
    }
    for (std::int64_t i = 0; i < in; ++i) {
      weight[static_cast<std::size_t>(outputs == 1 ? i * out + o : o * in + i)] +=
          row[static_cast<std::size_t>(i)];
    }
  }
  return Tensor::from<double>(old.dtype(), old.shape(), weight);
}

// The stored weight that an adapter belongs to, and where its outputs lie.
struct Base {
  std::string weight;
  int outputs = 1;
};

Base base_of(ModelEdit& edit, const FlatIndex& index, const LoraPlace& place) {
  if (place.form == LoraForm::kWeight) {
    // The product is turned where the weight is [out, in].
    return {place.sum().inputs[0], place.nodes.size() == 4 ? 0 : 1};
  }
  const auto layer = linear_layer(edit, index, *place.base);
  return layer ? Base{layer->weight, layer->output_axis} : Base{};
}

}  // namespace

std::vector<LoraAdapter> lora_adapters(ModelEdit& edit) {
  const FlatGraph flat = edit.flat();
  std::vector<LoraAdapter> adapters;
  for (const LoraPlace& place : find_adapters(edit, FlatIndex(flat))) {
    adapters.push_back(adapter_at(edit, place));
  }
  return adapters;
}

std::vector<LoraAdapter> lora_adapters(const OnnxModel& model) {
  ModelEdit edit(model);
  return lora_adapters(edit);
}

void merge_lora(ModelEdit& edit) {
  const FlatGraph flat = edit.flat();
  const FlatIndex index(flat);
  const std::vector<LoraPlace> places = find_adapters(edit, index);
  std::set<std::string> gone;
  for (const LoraPlace& place : places) {
    const Base base = base_of(edit, index, place);
    TEMPER_CHECK(edit.find_tensor(base.weight) != nullptr, ErrorCode::kUnsupported,
                 "the adapter of '", place.layer, "' is at ", place.base->label(),
                 ", which has no stored weight");
    TEMPER_CHECK(edit.reads_of(base.weight) == 1, ErrorCode::kUnsupported, "'", base.weight,
                 "' of layer '", place.layer,
                 "' is read by other nodes too, which merging would "
                 "change; give each its own first (--untie-match '",
                 base.weight, "')");
    const LoraAdapter adapter = adapter_at(edit, place);
    // A Gemm multiplies what it has by its own factor.
    const wire::AttributeProto* gemm =
        place.form == LoraForm::kProducts ? place.base->find("alpha") : nullptr;
    const double factor =
        *adapter.factor / (gemm == nullptr ? 1.0 : static_cast<double>(gemm->f()));
    edit.set_value(base.weight,
                   with_adapter(edit.read(base.weight), base.outputs, adapter, factor));
    const std::string y = place.sum().outputs[0];
    wire::NodeProto& node = edit.node_of(*place.base);
    if (place.form == LoraForm::kWeight) {
      node.set_input(1, base.weight);
    } else {
      node.set_output(0, y);
    }
    for (const FlatNode* made : place.nodes) {
      gone.insert(made->inputs.begin() + 1, made->inputs.end());
    }
    for (const FlatNode* made : place.nodes) {
      edit.remove_node(edit.node_of(*made));
    }
    gone.insert({place.a, place.b, place.factor});
    gone.erase(base.weight);
  }
  edit.remove_unread(gone);
  edit.note(
      concat("--merge-lora: the adapters of ", places.size(), " layers are in their weights now"));
}

}  // namespace temper::graph
