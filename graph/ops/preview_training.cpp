// ai.onnx.preview.training: Adam, Adagrad and Momentum, each for any number of tensors, and
// Gradient, which asks for derivatives of a tensor of the same graph (passes/gradient_requests).
#include <algorithm>
#include <cmath>

#include "graph/ir/batch_context.h"
#include "graph/ir/builder.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ops/standard_ops.h"
#include "graph/ops/wide_expansion.h"

namespace temper::graph {
namespace {

constexpr const char* kDomain = "ai.onnx.preview.training";

// Inputs R, T, then for each tensor its value, its gradient and its `states`, sorted by kind:
// X1.. G1.. V1.. H1..; outputs are the new values, then the new states.
void infer_update(InferContext& c, int states) {
  const int kinds = 2 + states;
  const int tensors = (c.input_count() - 2) / kinds;
  c.check(tensors > 0 && c.input_count() == 2 + tensors * kinds, "there are ", c.input_count(),
          " inputs, expected 2 and ", kinds, " for each tensor");
  c.check(c.output_count() <= tensors * (1 + states), "there are ", c.output_count(),
          " outputs for ", tensors, " tensors, expected at most ", tensors * (1 + states));
  c.check(is_float(c.dtype(0)) && c.shape(0).element_count() == 1, "R is ", c.dtype(0), " ",
          c.shape(0), ", expected one number of a float type");
  c.check(is_integer(c.dtype(1)) && c.shape(1).element_count() == 1, "T is ", c.dtype(1), " ",
          c.shape(1), ", expected one integer");
  for (int i = 2; i < c.input_count(); ++i) {
    const int first = 2 + (i - 2) % tensors;
    c.check(is_float(c.dtype(i)) && c.dtype(i) == c.dtype(first) && c.shape(i) == c.shape(first),
            "input ", i, " is ", c.dtype(i), " ", c.shape(i), ", expected ", c.dtype(first), " ",
            c.shape(first), " as the tensor it belongs to");
  }
  for (int i = 0; i < tensors * (1 + states); ++i) {
    c.set_output(i, c.dtype(2 + i % tensors), c.shape(2 + i % tensors));
  }
}

// One tensor's part of an update.
struct Update {
  Builder& b;
  const Attrs& attrs;
  DType dtype;
  ValueId rate, count;  // R and T in the tensor's type
  ValueId x, gradient;
  std::vector<ValueId> states;

  ValueId number(double value) { return b.scalar(dtype, value); }
  double attribute(const char* name, double fallback) const {
    return attrs.get_double(name, fallback);
  }
  // Whether T > 0, T being no negative number.
  ValueId has_begun() { return b.op("Greater", {count, number(0)}); }
  // norm_coefficient x + g
  ValueId regularized() {
    const double factor = attribute("norm_coefficient", 0);
    return factor == 0 ? gradient : b.add(b.scale(x, factor), gradient);
  }
  // factor old + share fresh
  ValueId blend(ValueId old, double factor, ValueId fresh, double share) {
    return b.add(b.scale(old, factor), share == 1 ? fresh : b.scale(fresh, share));
  }
};

using UpdateFunction = std::vector<ValueId> (*)(Update&);

template <UpdateFunction kUpdate, int kStates>
std::vector<ValueId> expand_update(Builder& b, const Node& node,
                                   const std::vector<ValueId>& inputs) {
  constexpr std::size_t kKinds = 2 + kStates;
  const std::size_t tensors = (inputs.size() - 2) / kKinds;
  std::vector<ValueId> made(tensors * (1 + kStates));
  const Attrs attrs = node.attrs;
  for (std::size_t t = 0; t < tensors; ++t) {
    const ValueId x = inputs[2 + t];
    const DType dtype = b.dtype(x);
    Update update{b,
                  attrs,
                  dtype,
                  b.reshape(b.cast(inputs[0], dtype), {}),
                  b.reshape(b.cast(inputs[1], dtype), {}),
                  x,
                  inputs[2 + tensors + t],
                  {}};
    for (std::size_t s = 0; s < kStates; ++s) {
      update.states.push_back(inputs[2 + (2 + s) * tensors + t]);
    }
    const std::vector<ValueId> results = kUpdate(update);
    for (std::size_t k = 0; k < results.size(); ++k) {
      made[k * tensors + t] = results[k];
    }
  }
  made.resize(std::max(made.size(), node.outputs.size()));
  return made;
}

// g' = norm_coefficient x + g;  h' = h + g'^2;  x' = x - R / (1 + T decay) g' / (sqrt(h') +
// epsilon)
std::vector<ValueId> update_adagrad(Update& u) {
  Builder& b = u.b;
  const ValueId g = u.regularized();
  const ValueId rate =
      b.div(u.rate, b.add(u.number(1), b.scale(u.count, u.attribute("decay_factor", 0))));
  const ValueId h = b.add(u.states[0], b.mul(g, g));
  const ValueId below = b.add(b.op("Sqrt", {h}), u.number(u.attribute("epsilon", 1e-6)));
  return {b.sub(u.x, b.div(b.mul(rate, g), below)), h};
}

// g' = norm_coefficient x + g;  v' = alpha v + (1 - alpha) g';  h' = beta h + (1 - beta) g'^2
// rate = R sqrt(1 - beta^T) / (1 - alpha^T) where T > 0, R before
// x' = (1 - norm_coefficient_post) (x - rate v' / (sqrt(h') + epsilon))
std::vector<ValueId> update_adam(Update& u) {
  Builder& b = u.b;
  const double alpha = u.attribute("alpha", 0.9), beta = u.attribute("beta", 0.999);
  const double post = u.attribute("norm_coefficient_post", 0);
  const ValueId g = u.regularized();
  const ValueId v = u.blend(u.states[0], alpha, g, 1 - alpha);
  const ValueId h = u.blend(u.states[1], beta, b.mul(g, g), 1 - beta);
  const ValueId begun = u.has_begun();
  // Where nothing has been counted yet the exponent is 1, so that the branch not taken is finite.
  const ValueId exponent = b.op("Where", {begun, u.count, u.number(1)});
  const auto left_of = [&](double factor) {
    return b.sub(u.number(1), b.op("Pow", {u.number(factor), exponent}));
  };
  const ValueId corrected = b.div(b.mul(u.rate, b.op("Sqrt", {left_of(beta)})), left_of(alpha));
  const ValueId rate = b.op("Where", {begun, corrected, u.rate});
  const ValueId below = b.add(b.op("Sqrt", {h}), u.number(u.attribute("epsilon", 1e-6)));
  const ValueId x = b.sub(u.x, b.div(b.mul(rate, v), below));
  return {post == 0 ? x : b.scale(x, 1 - post), v, h};
}

// g' = norm_coefficient x + g;  v' = alpha v + (T > 0 ? beta : 1) g'
// x' = x - R v', or with mode nesterov x - R (g' + alpha v')
std::vector<ValueId> update_momentum(Update& u) {
  Builder& b = u.b;
  const double alpha = u.attribute("alpha", 0);
  const ValueId g = u.regularized();
  const ValueId share =
      b.op("Where", {u.has_begun(), u.number(u.attribute("beta", 1)), u.number(1)});
  const ValueId v = b.add(b.scale(u.states[0], alpha), b.mul(share, g));
  const bool nesterov = u.attrs.get_string("mode", "") == "nesterov";
  const ValueId step = nesterov ? b.add(g, b.scale(v, alpha)) : v;
  return {b.sub(u.x, b.mul(u.rate, step)), v};
}

void infer_one_state(InferContext& c) { infer_update(c, 1); }
void infer_two_states(InferContext& c) { infer_update(c, 2); }

void infer_momentum(InferContext& c) {
  const std::string mode = c.attrs().get_string("mode", "");
  c.check(mode == "standard" || mode == "nesterov", "mode is '", mode,
          "', expected standard or nesterov");
  infer_update(c, 1);
}

int batch_of_update(const BatchContext& c) {
  c.check(false, "updates tensors, which belong to no sample");
  return 0;
}

std::vector<std::string> names_of(const NodeDraft& d, const char* attribute) {
  const AttrValue* value = d.attrs.find(attribute);
  const auto* names = value == nullptr ? nullptr : std::get_if<std::vector<std::string>>(value);
  TEMPER_CHECK(value == nullptr || names != nullptr, ErrorCode::kInvalidModel, d.origin,
               " has no list of names in ", attribute);
  return names == nullptr ? std::vector<std::string>{} : *names;
}

// The tensor of the graph that an attribute names.
ValueId named_value(const NodeDraft& d, const std::string& name, std::size_t as_input,
                    std::size_t inputs) {
  if (as_input < inputs && d.has_input(as_input) &&
      d.graph.value(d.inputs[as_input]).name == name) {
    return d.inputs[as_input];
  }
  const ValueId found = d.graph.find_value(name);
  if (!found.valid()) {
    d.refuse("it names the tensor '", name, "', which no node in front of it gives");
  }
  return found;
}

// Inputs become: the values fed for xs and zs, then y, then the tensors that xs and zs name.
void upgrade_gradient(NodeDraft& d) {
  const std::vector<std::string> xs = names_of(d, "xs"), zs = names_of(d, "zs");
  TEMPER_CHECK(!xs.empty() && d.inputs.size() == xs.size() + zs.size(), ErrorCode::kInvalidModel,
               d.origin, " has ", d.inputs.size(), " inputs for ", xs.size(), " xs and ", zs.size(),
               " zs");
  const std::size_t fed = d.inputs.size();
  std::vector<ValueId> inputs = d.inputs;
  inputs.push_back(named_value(d, d.attrs.get_string("y", ""), fed, fed));
  for (std::size_t i = 0; i < fed; ++i) {
    const std::string& name = i < xs.size() ? xs[i] : zs[i - xs.size()];
    const ValueId value = named_value(d, name, i, fed);
    if (i < xs.size() && d.graph.value(value).kind == ValueKind::kConstant) {
      d.refuse("it asks for the derivative by '", name, "', a constant; model.trainable = [\"",
               name, "\"] makes it a variable");
    }
    inputs.push_back(value);
  }
  d.inputs = std::move(inputs);
  d.attrs = {};
  d.attrs.set("xs", static_cast<std::int64_t>(xs.size()));
}

void infer_gradient(InferContext& c) {
  const int fed = (c.input_count() - 1) / 2;
  const auto wanted = static_cast<int>(c.attrs().get_int("xs", 0));
  c.check(is_float(c.dtype(fed)), "y is ", c.dtype(fed), ", expected a float type");
  c.check(c.output_count() <= wanted, "there are ", c.output_count(), " outputs for ", wanted,
          " xs");
  for (int i = 0; i < fed; ++i) {
    const int own = fed + 1 + i;
    c.check(c.dtype(i) == c.dtype(own) && c.shape(i) == c.shape(own), "input ", i, " is ",
            c.dtype(i), " ", c.shape(i), ", but the tensor it stands for is ", c.dtype(own), " ",
            c.shape(own));
    c.check(i >= wanted || is_float(c.dtype(i)), "input ", i, " is ", c.dtype(i),
            ", expected a float type");
  }
  for (int i = 0; i < wanted; ++i) {
    c.set_output(i, c.dtype(i), c.shape(i));
  }
}

int batch_of_gradient(const BatchContext& c) {
  c.check(false, "gives derivatives of what may hold all samples");
  return 0;
}

}  // namespace

void register_preview_training(OpRegistry& ops) {
  ops.add("Adagrad")
      .in_domain(kDomain)
      .inputs(5, -1)
      .outputs(1, -1)
      .batch(batch_of_update)
      .infer(infer_one_state)
      .expands(expand_wide<expand_update<update_adagrad, 1>>)
      .expanded_in_plans()
      .precision(PrecisionClass::kFloat32);
  ops.add("Adam")
      .in_domain(kDomain)
      .inputs(6, -1)
      .outputs(1, -1)
      .batch(batch_of_update)
      .infer(infer_two_states)
      .expands(expand_wide<expand_update<update_adam, 2>>)
      .expanded_in_plans()
      .precision(PrecisionClass::kFloat32);
  ops.add("Momentum")
      .in_domain(kDomain)
      .inputs(5, -1)
      .outputs(1, -1)
      .batch(batch_of_update)
      .infer(infer_momentum)
      .expands(expand_wide<expand_update<update_momentum, 1>>)
      .expanded_in_plans()
      .precision(PrecisionClass::kFloat32);
  ops.add("Gradient")
      .in_domain(kDomain)
      .inputs(3, -1)
      .outputs(1, -1)
      .upgrade(upgrade_gradient)
      .batch(batch_of_gradient)
      .infer(infer_gradient)
      .no_gradient("the reverse pass takes its place before anything is differentiated")
      .requests_gradient();
}

}  // namespace temper::graph
