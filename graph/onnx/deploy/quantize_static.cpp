#include "graph/onnx/deploy/quantize_static.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <onnx.pb.h>

#include "graph/onnx/deploy/fold_batchnorm.h"
#include "graph/onnx/deploy/write_qdq.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kFloat = 1;  // TensorProto.DataType

// A scale of int32 that is too fine for the bias is made coarser with the weight's, as
// onnxruntime.quantization does: |bias| / (input scale x weight scale) stays below 2^31.
void widen_for_bias(const std::vector<float>& bias, float input_scale, Quantization& weight) {
  constexpr double kMost = std::numeric_limits<std::int32_t>::max() / 1.0001;
  for (std::size_t i = 0; i < bias.size(); ++i) {
    float& scale = weight.scales[weight.axis < 0 ? 0 : i];
    const double needed =
        std::abs(static_cast<double>(bias[i])) / (kMost * static_cast<double>(input_scale));
    scale = std::max(scale, static_cast<float>(needed));
  }
}

class StaticWriter {
 public:
  StaticWriter(ModelEdit& edit, const QuantizePlan& plan,
               const std::map<std::string, Quantization>& values, bool trains, DType weights)
      : edit_(edit), plan_(plan), values_(values), trains_(trains), weights_(weights) {}

  QdqNames run() {
    table_.readers = plan_.readers;
    for (const std::string& value : plan_.values) {
      table_.tensors[value] = values_.at(value);
    }
    for (const QuantizedProduct& product : plan_.products) {
      if (!product.weight.empty()) {
        add_weight(product);
      }
    }
    for (const QuantizedProduct& product : plan_.products) {
      if (!product.bias.empty() && !trains_) {
        add_bias(product);
      }
    }
    return write_qdq(edit_, table_);
  }

 private:
  void add_weight(const QuantizedProduct& product) {
    if (!table_.tensors.contains(product.weight)) {
      table_.tensors[product.weight] =
          weight_quantization(edit_.read(product.weight), weights_, product.weight_axis);
      if (trains_) {
        table_.kept.insert(product.weight);
      }
    }
    if (!product.bias.empty()) {
      widen_for_bias(edit_.read(product.bias).values<float>(), input_scale(product),
                     table_.tensors[product.weight]);
    }
  }

  // int32 with scale = input scale x weight scale: what a product of integers sums up.
  void add_bias(const QuantizedProduct& product) {
    const Quantization& weight = table_.tensors[product.weight];
    std::string bias = product.bias;
    if (edit_.reads_of(bias) > 1) {  // others have another scale
      bias = edit_.unique(concat(bias, "_", ++copies_));
      edit_.copy_tensor(product.bias, bias);
      for (auto& node : *edit_.graph().mutable_node()) {
        if (node.output_size() > 0 && node.output(0) == product.adder) {
          std::replace(node.mutable_input()->begin(), node.mutable_input()->end(), product.bias,
                       bias);
        }
      }
    }
    table_.tensors[bias] = bias_quantization(input_scale(product), weight.scales, weight.axis >= 0);
  }

  float input_scale(const QuantizedProduct& product) const {
    return values_.at(product.input).scales[0];
  }

  ModelEdit& edit_;
  const QuantizePlan& plan_;
  const std::map<std::string, Quantization>& values_;
  bool trains_;
  DType weights_;
  QdqTable table_;
  int copies_ = 0;
};

std::vector<ValueWatch> watch(ModelEdit& edit, const std::vector<std::string>& roots,
                              const QuantizeStaticOptions& options) {
  CalibrationOptions how = options.calibration;
  how.symmetric = options.plan.symmetric;
  std::vector<ValueWatch> watches(roots.size(), ValueWatch(how));
  options.run(edit, roots, [&](std::size_t i, std::span<const float> numbers) {
    watches[i].first_run(numbers);
  });
  for (std::size_t i = 0; i < roots.size(); ++i) {
    TEMPER_CHECK(watches[i].saw_any(), ErrorCode::kInvalidData, "value '", roots[i],
                 "' has no numbers on the calibration data");
    TEMPER_CHECK(watches[i].is_finite(), ErrorCode::kInvalidData, "value '", roots[i],
                 "' has numbers on the calibration data that are not finite: it has no range. "
                 "Leave its layer out with --skip");
  }
  if (ValueWatch::needs_second_run(how)) {
    options.run(edit, roots, [&](std::size_t i, std::span<const float> numbers) {
      watches[i].second_run(numbers);
    });
  }
  return watches;
}

}  // namespace

void give_values(ModelEdit& edit, const std::vector<std::string>& values) {
  wire::GraphProto& graph = edit.graph();
  graph.clear_output();
  for (const std::string& value : values) {
    const std::string given = edit.unique(value + "_seen");
    wire::NodeProto& node = *graph.add_node();
    node.set_op_type("Identity");
    node.add_input(value);
    node.add_output(given);
    wire::ValueInfoProto& output = *graph.add_output();
    output.set_name(given);
    output.mutable_type()->mutable_tensor_type()->set_elem_type(kFloat);
  }
}

CalibratedPlan calibrate(ModelEdit& edit, const QuantizeStaticOptions& options) {
  check_quantized_opset(edit, 13, "--int8 static");
  CalibratedPlan made;
  made.plan = plan_quantization(edit, options.plan);
  std::vector<std::string> roots;
  for (const std::string& value : made.plan.values) {
    roots.push_back(root_of(made.plan, value));
  }
  std::sort(roots.begin(), roots.end());
  roots.erase(std::unique(roots.begin(), roots.end()), roots.end());
  const std::vector<ValueWatch> watches = watch(edit, roots, options);
  for (std::size_t i = 0; i < roots.size(); ++i) {
    const ValueRange range = watches[i].range();
    made.values[roots[i]] =
        quantization_of(range.low, range.high, options.activations, options.plan.symmetric);
  }
  for (const std::string& value : made.plan.values) {
    made.values[value] = made.values.at(root_of(made.plan, value));
  }
  return made;
}

QdqNames write_quantized(ModelEdit& edit, const QuantizePlan& plan,
                         const std::map<std::string, Quantization>& values, bool trains,
                         DType weights) {
  return StaticWriter(edit, plan, values, trains, weights).run();
}

CalibratedPlan quantize_static(ModelEdit& edit, const QuantizeStaticOptions& options) {
  check_quantized_opset(edit, 13, "--int8 static");
  fold_batchnorm(edit);
  CalibratedPlan made = calibrate(edit, options);
  write_quantized(edit, made.plan, made.values, options.trains);
  const char* option = options.trains ? "--int8 training" : "--int8 static";
  edit.note(
      concat(option, ": ", made.plan.products.size(),
             options.trains ? " products whose weights are rounded, " : " products of integers, ",
             made.plan.values.size(), " values rounded between them"));
  for (const auto& [name, why] : made.plan.left) {
    edit.note(concat(option, ": '", name, "' stays in floats: ", why));
  }
  return made;
}

}  // namespace temper::graph
