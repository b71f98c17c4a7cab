// torch.nn.functional.cross_entropy on class indices.
#include "runtime/base/error.h"
#include "training/losses/builders.h"

namespace temper::training {

graph::ValueId build_cross_entropy(graph::Builder& builder, graph::ValueId output,
                                   graph::ValueId target, const Attrs& parameters) {
  std::vector<graph::ValueId> inputs = {output, target};
  const std::vector<double> weight = parameters.get_doubles("weight");
  if (!weight.empty()) {
    const std::int64_t classes = builder.shape(output)[1];
    TEMPER_CHECK(static_cast<std::int64_t>(weight.size()) == classes, ErrorCode::kInvalidArgument,
                 "loss.weight has ", weight.size(), " numbers, the model's output ", classes,
                 " classes");
    inputs.push_back(builder.graph().add_constant(
        {}, Tensor::from<double>(builder.dtype(output), {classes}, weight)));
  }
  return builder
      .ops("CrossEntropy", std::move(inputs), 2,
           {{"ignore_index", parameters.get_int("ignore_index", -100)},
            {"label_smoothing", parameters.get_double("label_smoothing", 0)},
            {"reduction", parameters.get_string("reduction", "mean")}})
      .front();
}

}  // namespace temper::training
