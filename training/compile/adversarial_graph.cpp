#include "training/compile/adversarial_graph.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "graph/ir/append.h"
#include "graph/ir/builder.h"
#include "graph/passes/training_mode.h"
#include "runtime/base/error.h"
#include "training/compile/step/gradient_penalty.h"
#include "training/compile/step/parameter_groups.h"
#include "training/compile/step/step_variables.h"
#include "training/compile/step/update_step.h"

namespace temper::training {
namespace {

using graph::Appended;
using graph::Builder;
using graph::Graph;
using graph::Port;
using graph::PortRole;
using graph::UpdateBinding;
using graph::ValueId;
using graph::VariableId;
using graph::VariableIdentity;

// Streams of random numbers, far from the ids that Dropout counts from 0.
constexpr std::int64_t kLatentStream = 1 << 20;
constexpr std::int64_t kInterpolationStream = kLatentStream + 1;
constexpr std::int64_t kSampleStream = kLatentStream + 2;

// Uses of a model in a step, so that each drops units of its own.
enum class Use : std::uint64_t { kGenerated, kReal, kFake, kInterpolated };

// REQUIRES: the model has it.
ValueId input_named(const Graph& model, const std::string& name) {
  const auto found = std::find_if(model.inputs.begin(), model.inputs.end(),
                                  [&](ValueId id) { return model.value(id).name == name; });
  TEMPER_ASSERT(found != model.inputs.end(), name);
  return *found;
}

class AdversarialGraphMaker {
 public:
  AdversarialGraphMaker(const Graph& generator, const Graph& discriminator,
                        const AdversarialCompileSettings& settings, const Wiring& wiring,
                        const Backend& reference, std::int64_t batch)
      : generator_(generator),
        discriminator_(discriminator),
        settings_(settings),
        loss_(find_adversarial_loss(settings.adversarial.loss.name)),
        wiring_(wiring),
        reference_(reference),
        batch_(batch),
        graph_(generator.registry()),
        builder_(graph_, "adversarial loss") {}

  Graph discriminator_step() {
    graph_.name = "discriminator";
    begin_step(settings_.discriminator, settings_.discriminator.seed());
    add_inputs(true);
    const ValueId real = inputs_.at(wiring_.sample);
    const ValueId fake = generate(latent(kLatentStream, position_));
    const ValueId real_scores = score(real, Use::kReal);
    const ValueId fake_scores = score(fake, Use::kFake);
    ValueId loss = loss_.discriminator(builder_, real_scores, fake_scores);
    const ValueId penalty = add_penalties(real, fake, real_scores);
    if (penalty.valid()) {
      loss = builder_.add(loss, penalty);
    }
    finish_step(settings_.discriminator, loss);
    graph_.add_output("real", mean(real_scores), {PortRole::kReal, 0});
    graph_.add_output("fake", mean(fake_scores), {PortRole::kFake, 0});
    if (penalty.valid()) {
      graph_.add_output("penalty", penalty, {PortRole::kPenalty, 0});
    }
    return std::move(graph_);
  }

  Graph generator_step() {
    graph_.name = "generator";
    // Another stream than the discriminator's steps, which count their samples from 0, too.
    begin_step(settings_.generator, settings_.generator.seed() ^ (std::uint64_t{1} << 63));
    add_inputs(false);
    const ValueId fake = generate(latent(kLatentStream, position_));
    const ValueId scores = score(fake, Use::kFake);
    finish_step(settings_.generator, loss_.generator(builder_, scores));
    graph_.add_output("fake", mean(scores), {PortRole::kFake, 0});
    return std::move(graph_);
  }

  Graph sample() {
    graph_.name = "sample";
    training_ = false;
    add_inputs(false);
    seed_ = settings_.generator.seed();
    const ValueId noise = latent(kSampleStream, builder_.scalar(DType::kInt64, 0));
    graph_.add_output("samples", generate(noise), {PortRole::kSamples, 0});
    return std::move(graph_);
  }

  Graph clip_weights(double bound) {
    graph_.name = "clip_weights";
    for (int i = 0; i < discriminator_.variable_count(); ++i) {
      graph::Variable variable = discriminator_.variable(VariableId{i});
      if (!variable.trainable) {
        continue;
      }
      variable.name = kDiscriminatorPrefix + variable.name;
      variable.identity.model = kDiscriminatorModel;
      builder_.set_origin("clip " + variable.name);
      const ValueId weight = graph_.read_variable(graph_.add_variable(std::move(variable)));
      const ValueId clipped = builder_.op("Clip", {weight}, {{"min", -bound}, {"max", bound}});
      graph_.add_update({graph_.value(weight).variable, clipped, UpdateBinding::Kind::kAttempt});
    }
    return std::move(graph_);
  }

 private:
  void begin_step(const CompileSettings& settings, std::uint64_t seed) {
    trained_ = settings.model_index;
    seed_ = seed;
    step_ =
        add_step_variables(graph_, group_count(settings), settings.model_index, settings.prefix);
    position_ = graph_.read_variable(step_.position);
  }

  // A model with its dimensions bound, in training or inference form.
  Graph bound(const Graph& model, Use use) const {
    Graph part = model;
    bind_batch(part, {}, batch_, reference_, settings_.generator.model);
    if (!training_) {
      graph::apply_inference_mode(part);
      return part;
    }
    graph::TrainingModeOptions mode;
    mode.frozen_batchnorm = settings_.generator.model.freezes_batchnorm();
    mode.seed = seed_ ^ (static_cast<std::uint64_t>(use) << 32);
    mode.position = add_scalar_variable(part, graph::ScalarRole::kPosition, DType::kInt64, {}, 0);
    graph::apply_training_mode(part, mode);
    return part;
  }

  // The inputs that come from the data, with the type and shape that a model declares.
  void add_inputs(bool with_samples) {
    std::vector<std::string> names = wiring_.conditions;
    names.insert(names.begin(), wiring_.sample);
    for (const Graph* model : {&discriminator_, &generator_}) {
      Graph part = *model;
      bind_batch(part, {}, batch_, reference_, settings_.generator.model);
      for (const ValueId id : part.inputs) {
        const graph::Value& value = part.value(id);
        const auto found =
            std::find(names.begin() + (with_samples ? 0 : 1), names.end(), value.name);
        const bool is_latent = model == &generator_ && value.name == wiring_.latent;
        if (found != names.end() && !is_latent && !inputs_.contains(value.name)) {
          const Port port{PortRole::kModelInput, static_cast<int>(found - names.begin())};
          inputs_[value.name] = graph_.add_input(value.name, value.dtype, value.shape, port);
        }
      }
    }
  }

  ValueId latent(std::int64_t stream, ValueId position) {
    Graph part = generator_;
    bind_batch(part, {}, batch_, reference_, settings_.generator.model);
    const graph::Value& input = part.value(input_named(part, wiring_.latent));
    TEMPER_CHECK(is_float(input.dtype), ErrorCode::kInvalidArgument, "the generator's input '",
                 wiring_.latent, "' is ", input.dtype, "; noise is a float");
    Builder builder(graph_, "latent noise");
    const bool uniform = settings_.adversarial.distribution == "uniform";
    const ValueId drawn = random(builder, input.dtype, input.shape, uniform, stream, position);
    return uniform ? builder.sub(builder.scale(drawn, 2), builder.scalar(input.dtype, 1)) : drawn;
  }

  ValueId random(Builder& builder, DType dtype, const Shape& shape, bool uniform,
                 std::int64_t stream, ValueId position) const {
    return builder.op("PhiloxRandom", {position},
                      {{"shape", std::vector<std::int64_t>(shape.begin(), shape.end())},
                       {"dtype", std::string(to_string(dtype))},
                       {"distribution", std::string(uniform ? "uniform" : "normal")},
                       {"seed", static_cast<std::int64_t>(seed_)},
                       {"random_id", stream}});
  }

  // A use of a model. Its statistics move only in its own steps; several uses chain.
  Appended use_model(const Graph& graph, const CompileSettings& model, Use use,
                     const std::map<std::string, ValueId>& inputs) {
    const bool own = training_ && model.model_index == trained_;
    std::map<VariableIdentity, ValueId> reads = own ? moved_ : decltype(moved_){};
    if (training_) {
      reads[VariableIdentity::of_scalar(graph::ScalarRole::kPosition, model.model_index)] =
          position_;
    }
    Appended made =
        graph::append(graph_, bound(graph, use), model.model_index, model.prefix, inputs, reads);
    for (const UpdateBinding& update : made.updates) {
      if (own) {
        moved_[graph_.variable(update.variable).identity] = update.value;
        statistics_[update.variable] = update;
      }
    }
    return made;
  }

  // The inputs from the data, with `value` for the one called `name`.
  std::map<std::string, ValueId> inputs_with(const std::string& name, ValueId value) const {
    std::map<std::string, ValueId> inputs = inputs_;
    inputs[name] = value;
    return inputs;
  }

  ValueId generate(ValueId noise) {
    const Appended made = use_model(generator_, settings_.generator, Use::kGenerated,
                                    inputs_with(wiring_.latent, noise));
    return made.outputs[wiring_.generated].value;
  }

  ValueId score(ValueId samples, Use use) {
    const Appended made = use_model(discriminator_, settings_.discriminator, use,
                                    inputs_with(wiring_.sample, samples));
    return made.outputs.front().value;
  }

  ValueId mean(ValueId scores) {
    std::vector<std::int64_t> axes(static_cast<std::size_t>(builder_.shape(scores).rank()));
    std::iota(axes.begin(), axes.end(), std::int64_t{0});
    return axes.empty() ? scores
                        : builder_.op("ReduceMean", {scores},
                                      {{"axes", axes}, {"keepdims", std::int64_t{0}}});
  }

  // The weighted penalty the loss asks for; invalid when it asks for none.
  ValueId add_penalties(ValueId real, ValueId fake, ValueId real_scores) {
    const double lambda = settings_.adversarial.loss.parameters.get_double(kGradientPenalty, 0);
    const double gamma = settings_.adversarial.loss.parameters.get_double(kR1Penalty, 0);
    if (lambda > 0) {
      Builder builder(graph_, "gradient penalty");
      Shape shape = builder.shape(real);
      for (int axis = 1; axis < shape.rank(); ++axis) {
        shape[axis] = 1;
      }
      const ValueId coefficients =
          random(builder, builder.dtype(real), shape, true, kInterpolationStream, position_);
      const auto discriminator = [&](ValueId x) { return score(x, Use::kInterpolated); };
      return builder.scale(gradient_penalty(builder, discriminator, real, fake, coefficients),
                           lambda);
    }
    if (gamma > 0) {
      Builder builder(graph_, "R1 penalty");
      const auto discriminator = [&](ValueId) { return real_scores; };
      return builder.scale(r1_penalty(builder, discriminator, real), gamma);
    }
    return {};
  }

  // Every plan lays out both models' parameters alike; only this step's are trained.
  void choose_parameters() {
    for (const CompileSettings* settings : {&settings_.generator, &settings_.discriminator}) {
      std::vector<VariableId> others;
      for (int i = 0; i < graph_.variable_count(); ++i) {
        graph::Variable& variable = graph_.variable(VariableId{i});
        if (variable.trainable && variable.identity.model != settings->model_index) {
          variable.trainable = false;
          others.push_back(VariableId{i});
        }
      }
      UpdateInputs laid_out;
      collect_parameters(graph_, *settings, laid_out);
      for (const VariableId id : others) {
        graph_.variable(id).trainable = true;
      }
    }
    for (int i = 0; i < graph_.variable_count(); ++i) {
      graph::Variable& variable = graph_.variable(VariableId{i});
      variable.trainable = variable.trainable && variable.identity.model == trained_;
    }
  }

  void finish_step(const CompileSettings& settings, ValueId loss) {
    choose_parameters();
    loss = builder_.reshape(loss, {});
    graph_.value(loss).name = settings.prefix + "loss";
    graph_.add_output("loss", loss, {PortRole::kLoss, 0});
    for (const auto& [variable, update] : statistics_) {
      graph_.add_update(update);
    }
    GraphRequest request;
    request.batch = batch_;
    add_update_step(graph_, settings, request, step_, {loss, {}});
  }

  const Graph& generator_;
  const Graph& discriminator_;
  const AdversarialCompileSettings& settings_;
  const AdversarialLoss& loss_;
  const Wiring& wiring_;
  const Backend& reference_;
  const std::int64_t batch_;
  Graph graph_;
  Builder builder_;
  bool training_ = true;
  int trained_ = kGeneratorModel;  // the model whose step this is
  std::uint64_t seed_ = 0;
  StepVariables step_;
  ValueId position_;
  std::map<std::string, ValueId> inputs_;
  std::map<VariableIdentity, ValueId> moved_;       // statistics as the last use left them
  std::map<VariableId, UpdateBinding> statistics_;  // the last update of each
};

// Dimensions of the noise that the file leaves open.
void bind_latent(Graph& generator, const AdversarialCompileSettings& settings,
                 const Wiring& wiring) {
  std::vector<graph::Dim>& dims = generator.value(input_named(generator, wiring.latent)).dims;
  for (std::size_t axis = 1; axis < dims.size(); ++axis) {
    if (dims[axis].value < 0) {
      TEMPER_CHECK(settings.adversarial.latent_size > 0, ErrorCode::kInvalidArgument, "dimension ",
                   axis, " of the generator's input '", wiring.latent,
                   "' is open; set adversarial.latent_size");
      dims[axis].value = settings.adversarial.latent_size;
    }
  }
}

}  // namespace

AdversarialGraphs::AdversarialGraphs(Graph generator, Graph discriminator,
                                     AdversarialCompileSettings settings, const Backend& reference)
    : generator_(std::move(generator)),
      discriminator_(std::move(discriminator)),
      settings_(std::move(settings)),
      reference_(reference),
      wiring_(wire(generator_, discriminator_, settings_.adversarial.latent)) {
  settings_.generator.model_index = kGeneratorModel;
  settings_.discriminator.model_index = kDiscriminatorModel;
  settings_.generator.prefix = kGeneratorPrefix;
  settings_.discriminator.prefix = kDiscriminatorPrefix;
  bind_latent(generator_, settings_, wiring_);
  choose_trainable(generator_, {}, {});
  choose_trainable(discriminator_, {}, {});
}

Graph AdversarialGraphs::make(AdversarialGraphKind kind, std::int64_t batch) const {
  AdversarialGraphMaker maker(generator_, discriminator_, settings_, wiring_, reference_, batch);
  switch (kind) {
    case AdversarialGraphKind::kDiscriminator:
      return maker.discriminator_step();
    case AdversarialGraphKind::kGenerator:
      return maker.generator_step();
    case AdversarialGraphKind::kSample:
      return maker.sample();
    case AdversarialGraphKind::kClipWeights:
      return maker.clip_weights(settings_.adversarial.loss.parameters.get_double(kWeightClip, 0));
  }
  fail(ErrorCode::kInternal, "no such graph");
}

}  // namespace temper::training
