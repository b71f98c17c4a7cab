// Cases of LSTM, GRU and RNN: every attribute against central differences, and PyTorch's values.
#include <cmath>

#include "tests/ops/closed_form.h"
#include "tests/ops/expected/recurrent.h"
#include "tests/ops/families.h"

namespace temper::op_suite {
namespace {

using Strings = std::vector<std::string>;
using Doubles = std::vector<double>;

struct Dims {
  std::int64_t steps = 3, batch = 2, inputs = 2, hidden = 2, directions = 1;
  bool batch_first = false;

  Shape x() const {
    return batch_first ? Shape{batch, steps, inputs} : Shape{steps, batch, inputs};
  }
  Shape state() const {
    return batch_first ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
  }
  Shape y() const {
    return batch_first ? Shape{batch, steps, directions, hidden}
                       : Shape{steps, directions, batch, hidden};
  }
};

std::int64_t gates_of(const std::string& op) { return op == "LSTM" ? 4 : op == "GRU" ? 3 : 1; }
int states_of(const std::string& op) { return op == "LSTM" ? 2 : 1; }

OpInput lengths(std::vector<double> numbers) {
  const auto count = static_cast<std::int64_t>(numbers.size());
  return values({count}, std::move(numbers)).of(DType::kInt32);
}

// Which optional inputs are there.
struct With {
  bool bias = true, lengths = false, states = false, peepholes = false;
};

OpCase recurrent(const std::string& op, const Attrs& attrs, const Dims& dims, const With& with,
                 const std::string& label) {
  const std::int64_t rows = gates_of(op) * dims.hidden;
  OpCase made{.op = op, .attrs = attrs, .outputs = 1 + states_of(op), .label = label};
  made.inputs = {random(dims.x(), -1, 1), random({dims.directions, rows, dims.inputs}, -1, 1),
                 random({dims.directions, rows, dims.hidden}, -1, 1)};
  made.differentiate = {0, 1, 2};
  const auto add = [&](bool there, OpInput input) {
    if (there && input.dtype != DType::kInt32) {
      made.differentiate.push_back(static_cast<int>(made.inputs.size()));
    }
    made.inputs.push_back(there ? std::move(input) : missing());
  };
  add(with.bias, random({dims.directions, 2 * rows}, -1, 1));
  add(with.lengths, lengths({3, 1}));
  add(with.states, random(dims.state(), -1, 1));
  if (op == "LSTM") {
    add(with.states, random(dims.state(), -1, 1));
    add(with.peepholes, random({dims.directions, 3 * dims.hidden}, -1, 1));
  }
  return made;
}

Attrs joined(Attrs attrs, const Attrs& more) {
  for (const auto& [name, value] : more) {
    attrs.set(name, value);
  }
  return attrs;
}

void add_forms(std::vector<OpCase>& cases, const std::string& op, const Attrs& own) {
  const auto add = [&](const Attrs& attrs, const Dims& dims, const With& with, const char* label) {
    cases.push_back(recurrent(op, joined(attrs, own), dims, with, label));
  };
  const Attrs both{{"direction", std::string("bidirectional")}};
  const Attrs reverse{{"direction", std::string("reverse")}};
  const Attrs batch_first{{"layout", std::int64_t{1}}};
  const With all{true, true, true, true};
  add({}, {}, {false}, "bare");
  add({{"hidden_size", std::int64_t{3}}}, {2, 1, 3, 3}, {}, "bias");
  add(reverse, {}, {true, true, false, false}, "lengths");
  add(both, {3, 2, 2, 2, 2}, all, "all");
  add(joined(both, batch_first), {3, 2, 2, 2, 2, true}, all, "batch_first");
  add({{"clip", 0.4}}, {}, all, "clipped");
  add({}, {0, 2, 2, 2}, {true, false, true, false}, "no_steps");
  add({}, {2, 0, 2, 2}, {}, "no_samples");
  add({}, {2, 2, 0, 2}, {}, "no_inputs");
  OpCase last = recurrent(op, own, {}, {true, false, true, false}, "last_state");
  last.wanted = std::vector<bool>(static_cast<std::size_t>(last.outputs), false);
  last.wanted.back() = true;
  cases.push_back(last);
}

// A case with many hidden units, in each type.
void add_forward(std::vector<OpCase>& cases, OpCase forward) {
  for (const DType wide : {DType::kFloat32, DType::kFloat64}) {
    forward.dtypes = {wide};
    cases.push_back(forward);
  }
  forward.dtypes = {DType::kFloat16, DType::kBFloat16};
  forward.tolerance_factor = 4;
  forward.tolerance_reason = "a state may be rounded to 16 bits at each step";
  cases.push_back(forward);
}

// The gradient op itself, in float32 too, which central differences do not see; long enough for
// several slices of samples, and with a length.
void add_gradients(std::vector<OpCase>& cases, const std::string& op, const Attrs& own) {
  const Attrs both{{"direction", std::string("bidirectional")}};
  const Attrs reverse{{"direction", std::string("reverse")}};
  const auto add = [&](const Attrs& attrs, const Dims& dims, const With& with, const char* label) {
    if (own.has("activations") && dims.directions == 1) {
      return;  // those are of two directions
    }
    const Attrs all = joined(attrs, own);
    OpCase forward = recurrent(op, all, dims, with, label);
    forward.differentiate = {};
    if (with.lengths) {
      std::vector<double> lens;
      for (std::int64_t n = 0; n < dims.batch; ++n) {
        lens.push_back(static_cast<double>(n * 3 % (dims.steps + 1)));
      }
      forward.inputs[4] = lengths(lens);
    }
    OpCase gradient = forward;
    gradient.op += "Grad";
    gradient.inputs.resize(op == "LSTM" ? 8 : 6, missing());
    gradient.outputs = static_cast<int>(gradient.inputs.size());
    gradient.wanted.clear();
    for (const OpInput& input : gradient.inputs) {
      gradient.wanted.push_back(!input.is_missing && input.dtype != DType::kInt32);
    }
    gradient.inputs.push_back(random(dims.y(), -1, 1));
    for (int i = 0; i < states_of(op); ++i) {
      gradient.inputs.push_back(random(dims.state(), -1, 1));
    }
    gradient.tolerance_factor = 20;
    gradient.tolerance_reason = "sums over all steps, in float32 products";
    add_forward(cases, forward);
    cases.push_back(gradient);
  };
  add({}, {5, 9, 4, 37}, {true, false, true}, "wide");
  add(reverse, {5, 9, 4, 6}, {false, true, true}, "wide_reverse");
  add(both, {4, 17, 5, 20, 2}, {true, true, true}, "wide_both");
  add(joined(both, {{"layout", std::int64_t{1}}}), {4, 17, 5, 20, 2, true}, {true, false, false},
      "wide_batch_first");
}

void add_activations_of_cells(std::vector<OpCase>& cases) {
  const Dims two{3, 2, 2, 2, 2};
  const auto add = [&](const char* op, const Strings& names, const Doubles& alphas,
                       const Doubles& betas) {
    cases.push_back(recurrent(op,
                              {{"direction", std::string("bidirectional")},
                               {"activations", names},
                               {"activation_alpha", alphas},
                               {"activation_beta", betas}},
                              two, {}, "activations"));
  };
  add("RNN", {"Relu", "Affine"}, {0.8}, {0.1});
  add("RNN", {"LeakyRelu", "ThresholdedRelu"}, {0.2, 0.3}, {});
  add("RNN", {"ScaledTanh", "HardSigmoid"}, {1.2, 0.3}, {0.7, 0.4});
  add("RNN", {"elu", "softsign"}, {0.6}, {});
  add("RNN", {"Softplus", "LeakyRelu"}, {}, {});
  add("GRU", {"HardSigmoid", "Softsign", "Sigmoid", "ScaledTanh"}, {0.25, 1.5}, {0.5, 0.6});
  add("LSTM", {"HardSigmoid", "Elu", "Softsign", "Sigmoid", "Affine", "Tanh"}, {0.2, 0.7, 0.9},
      {0.5, 0.05});
}

// Element k of input i, as in tools/oracle/recurrent.py.
OpInput numbers(int place, const Shape& shape) {
  std::vector<double> made;
  for (std::int64_t k = 0; k < shape.element_count(); ++k) {
    made.push_back(0.9 * std::sin(1.3 * static_cast<double>(k) + place));
  }
  return values(shape, std::move(made));
}

// PyTorch's outputs, and its gradients of them.
void add_torch(std::vector<OpCase>& cases, const RecurrentValues& torch) {
  const Dims dims{3, 2, 2, 2, torch.directions};
  const std::int64_t rows = gates_of(torch.op) * dims.hidden;
  const int states = states_of(torch.op);
  Attrs attrs{{"direction", std::string(torch.directions == 2 ? "bidirectional" : "forward")}};
  if (torch.op == "GRU") {
    attrs.set("linear_before_reset", std::int64_t{1});
  }
  OpCase forward{.op = torch.op, .attrs = attrs, .outputs = 1 + states};
  forward.inputs = {numbers(0, dims.x()), numbers(1, {dims.directions, rows, dims.inputs}),
                    numbers(2, {dims.directions, rows, dims.hidden}),
                    numbers(3, {dims.directions, 2 * rows}), lengths({3, 2})};
  for (int i = 0; i < states; ++i) {
    forward.inputs.push_back(numbers(5 + i, dims.state()));
  }
  forward.dtypes = {DType::kFloat64};
  forward.label = "torch";
  OpCase gradient = forward;
  gradient.op += "Grad";
  gradient.inputs.resize(torch.op == "LSTM" ? 8 : 6, missing());
  gradient.outputs = static_cast<int>(gradient.inputs.size());
  std::vector<HostTensor> wanted;
  for (std::size_t i = 0; i < gradient.inputs.size(); ++i) {
    const bool there = !gradient.inputs[i].is_missing && i != 4;
    gradient.wanted.push_back(there);
    const std::size_t at = i < 4 ? i : i - 1;  // PyTorch has no gradient of the lengths
    wanted.push_back(there ? HostTensor{gradient.inputs[i].shape, torch.gradients[at]}
                           : HostTensor{});
  }
  std::vector<HostTensor> outputs;
  for (int i = 0; i <= states; ++i) {
    const Shape shape = i == 0 ? dims.y() : dims.state();
    outputs.push_back({shape, torch.outputs[static_cast<std::size_t>(i)]});
    gradient.inputs.push_back(numbers(10 + i, shape));
  }
  forward.expected = [outputs](const std::vector<HostTensor>&) { return outputs; };
  gradient.expected = [wanted](const std::vector<HostTensor>&) { return wanted; };
  cases.push_back(forward);
  cases.push_back(gradient);
}

}  // namespace

std::vector<OpCase> recurrent_cases() {
  std::vector<OpCase> cases;
  add_forms(cases, "LSTM", {});
  add_forms(cases, "LSTM", {{"input_forget", std::int64_t{1}}});
  add_forms(cases, "GRU", {});
  add_forms(cases, "GRU", {{"linear_before_reset", std::int64_t{1}}});
  add_forms(cases, "RNN", {});
  add_gradients(cases, "LSTM", {});
  add_gradients(cases, "GRU", {});
  add_gradients(cases, "GRU", {{"linear_before_reset", std::int64_t{1}}});
  add_gradients(cases, "RNN", {});
  add_gradients(cases, "RNN", {{"activations", Strings{"Relu", "Relu"}}});
  add_activations_of_cells(cases);
  for (const RecurrentValues& torch : recurrent_values()) {
    add_torch(cases, torch);
  }
  return cases;
}

}  // namespace temper::op_suite
