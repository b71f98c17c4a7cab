#include "training/application/array_trainer.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "runtime/base/error.h"
#include "training/analysis/prediction.h"
#include "training/records/checkpoint.h"
#include "training/run/train_steps.h"
#include "training/session/run_metrics.h"
#include "training/settings/component.h"

namespace temper::training {
namespace {

void refuse(bool asked, const char* what, const char* instead) {
  TEMPER_CHECK(!asked, ErrorCode::kUnsupported, what, " is not for arrays in memory: ", instead);
}

// What needs more than steps on given rows.
void check_recipe(const Recipe& recipe) {
  const auto written = [&](const char* key) { return recipe.origins.contains(key); };
  const DataSettings& data = recipe.data;
  refuse(recipe.adversarial.is_on(), "[adversarial]", "run its recipe");
  refuse(!data.train.empty() || !data.val.empty() || written("data.val_split"),
         "data.train, data.val or data.val_split", "the program gives the data; leave it out");
  refuse(data.sampling != "all", "data.sampling", "give the rows as often as they shall count");
  refuse(recipe.augment.mixes(), "augment.mixup or augment.cutmix", "mix the rows before");
  refuse(!recipe.stages.empty(), "[[train.stage]]", "open one after another with model.freeze");
  refuse(recipe.train.spike.action != "off", "train.spike", "look at each step's loss");
  refuse(recipe.schedule.schedule.name == "plateau", "the schedule plateau",
         "there is no validation set that it could follow");
  refuse(recipe.average.refreshes_statistics() && recipe.model.batchnorm != "frozen",
         "average.update_bn", "write average.update_bn = false");
}

// The caller's memory may be gone when later arrays come.
NamedArrays owned(const NamedArrays& arrays) {
  NamedArrays copies;
  for (const auto& [name, array] : arrays) {
    copies.emplace_back(name, array.to_plain());
  }
  return copies;
}

SessionNeeds needs_of(const NamedArrays& first, ArrayUse use) {
  TEMPER_CHECK(!first.empty(), ErrorCode::kInvalidArgument,
               "no arrays were given: the first ones settle what the model leaves open");
  SessionNeeds needs;
  needs.target = use == ArrayUse::kTrain;
  needs.trains = use == ArrayUse::kTrain;
  needs.arrays = owned(first);
  return needs;
}

// A batch size is written for the data to come, not for the first arrays.
Recipe recipe_for(Recipe recipe) {
  check_recipe(recipe);
  recipe.data.train = "the arrays given";
  recipe.data.batch_size_given = false;
  return recipe;
}

}  // namespace

struct ArrayTrainer::Impl {
  Impl(Recipe recipe, const NamedArrays& first, RunObserver& observer, ArrayUse use,
       EngineOptions options)
      : batch_size(recipe.data.batch_size),
        session(recipe_for(std::move(recipe)), std::move(options), needs_of(first, use)),
        context{session.recipe(), observer, {}, nullptr, nullptr} {
    TEMPER_CHECK(session.layout().carried().empty(), ErrorCode::kUnsupported,
                 "model.input.NAME.carry goes on in the order of a data set, which arrays in "
                 "memory do not have: leave it out");
    if (use == ArrayUse::kPredict) {
      session.engine().prepare({session.request(GraphKind::kPredict, rows_at_once())});
      return;
    }
    steps.emplace(session, context, 0);
    steps->prepare();
    steps->begin_given();
    metrics = wanted_metrics(session);
    context.state.given_not_finite = not_finite_elements(session.engine().store());
  }

  std::int64_t rows_at_once() const { return session.recipe().data.batch_size; }

  TrainSteps& training() {
    TEMPER_CHECK(steps.has_value(), ErrorCode::kInvalidArgument,
                 "this was opened for prediction: open it for training, with a target");
    return *steps;
  }

  int find(const std::string& name) const {
    const VariableStore& store = session.engine().store();
    const int id = store.find(name);
    if (id >= 0) {
      return id;
    }
    std::vector<std::string> names;
    for (int i = 0; i < store.count(); ++i) {
      if (store.variable(i).identity.is_of_model()) {
        names.push_back(store.variable(i).name);
      }
    }
    const std::string hint = nearest(name, names);
    fail(ErrorCode::kInvalidArgument, "'", name, "' is no parameter or statistic of ",
         session.recipe().model.path, hint.empty() ? "" : concat(" (did you mean '", hint, "'?)"));
  }

  ArrayStep run(const MicroBatches& group, const std::function<const Batch*()>& next) {
    const std::int64_t applied = context.state.applied;
    const double lr = steps->rates().rate(applied);
    const IssuedStep issued = steps->issue(group, next);
    const double loss = steps->take_report(issued);
    return {issued.number, loss, lr, context.state.last_norm, context.state.applied > applied};
  }

  const std::int64_t batch_size;
  Session session;
  RunContext context;
  std::optional<TrainSteps> steps;  // none: for prediction
  MetricSettings metrics;
};

ArrayTrainer::ArrayTrainer(Recipe recipe, NamedArrays first, RunObserver& observer, ArrayUse use,
                           EngineOptions options)
    : impl_(std::make_unique<Impl>(std::move(recipe), first, observer, use, std::move(options))) {}

ArrayTrainer::~ArrayTrainer() = default;

ArrayStep ArrayTrainer::step(const NamedArrays& rows) {
  impl_->training();
  const std::unique_ptr<Dataset> data = impl_->session.open_more(rows, true);
  const std::int64_t parts = impl_->session.recipe().train.accumulate;
  TEMPER_CHECK(data->count() >= parts, ErrorCode::kInvalidArgument, "train.accumulate = ", parts,
               " cuts the rows of a step into so many parts, but there are ", data->count());
  LoaderOptions options;
  options.batch_size = (data->count() + parts - 1) / parts;
  options.single_epoch = true;
  options.training = true;
  options.prefetch = false;
  RunState& state = impl_->context.state;
  // Each step has random changes of its own, and is no part of an epoch.
  BatchLoader loader(*data, Sampler(data->count(), SamplerOptions{false, 0}), options,
                     {state.attempted, 0});
  const DataPosition before = state.data;
  const std::int64_t batches = (data->count() + options.batch_size - 1) / options.batch_size;
  const MicroBatches group(impl_->session.recipe(), batches, data->count());
  const ArrayStep done = impl_->run(group, [&] { return loader.next(); });
  state.data = before;
  return done;
}

std::int64_t ArrayTrainer::train(const NamedArrays& set, std::int64_t steps,
                                 const std::function<bool(const ArrayStep&)>& watch) {
  impl_->training();
  const std::unique_ptr<Dataset> data = impl_->session.open_more(set, true);
  const Recipe& recipe = impl_->session.recipe();
  LoaderOptions options;
  options.batch_size = std::min(impl_->batch_size, data->count());
  options.drop_last = recipe.data.drop_last;
  options.training = true;
  const EpochBatches epoch = epoch_batches({data->count()}, options.batch_size, options.drop_last);
  RunState& state = impl_->context.state;
  state.data = {state.data.epoch + (state.data.position > 0 ? 1 : 0), 0};
  const SamplerOptions order{recipe.data.shuffle, static_cast<std::uint64_t>(recipe.data.seed)};
  BatchLoader loader(*data, Sampler(data->count(), order), options, state.data);
  for (std::int64_t i = 0; i < steps; ++i) {
    const std::int64_t done = epoch.index_of(state.data.position);
    const std::int64_t count = std::min(recipe.train.accumulate, epoch.count() - done);
    const MicroBatches group(recipe, count, epoch.rows(done, count));
    const ArrayStep step = impl_->run(group, [&] { return loader.next(); });
    if (watch && !watch(step)) {
      return i + 1;
    }
  }
  return steps;
}

Evaluation ArrayTrainer::evaluate(const NamedArrays& set) {
  TrainSteps& steps = impl_->training();
  const std::unique_ptr<Dataset> data = impl_->session.open_more(set, true);
  LoaderOptions options;
  options.batch_size = std::min(impl_->batch_size, data->count());
  options.single_epoch = true;
  BatchLoader loader(*data, Sampler(data->count(), SamplerOptions{false, 0}), options);
  SetMetrics metrics = make_set_metrics(impl_->session, impl_->metrics);
  Evaluation result;
  steps.model().with_averages(impl_->session.recipe().average.validate, [&] {
    result = training::evaluate(impl_->session, loader, metrics);
  });
  return result;
}

NamedArrays ArrayTrainer::predict(const NamedArrays& set) {
  const std::unique_ptr<Dataset> data = impl_->session.open_more(set, false);
  std::vector<std::int64_t> rows(static_cast<std::size_t>(data->count()));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  LoaderOptions options;
  options.batch_size = std::min(impl_->batch_size, data->count());
  options.single_epoch = true;
  options.prefetch = data->count() > options.batch_size;
  BatchLoader loader(*data, Sampler(data->count(), SamplerOptions{false, 0}), options);
  NamedArrays outputs;
  const auto predict_now = [&] { outputs = predict_rows(impl_->session, loader, *data, rows); };
  if (!impl_->steps) {
    predict_now();
  } else {
    impl_->steps->model().with_averages(impl_->session.recipe().average.validate, predict_now);
  }
  return outputs;
}

std::vector<ModelTensor> ArrayTrainer::tensors() const {
  const VariableStore& store = impl_->session.engine().store();
  std::vector<ModelTensor> found;
  for (int i = 0; i < store.count(); ++i) {
    const StoreVariable& variable = store.variable(i);
    if (variable.identity.is_of_model()) {
      found.push_back(
          {variable.name, variable.dtype, variable.shape, variable.is(VariableKind::kStatistic)});
    }
  }
  return found;
}

Tensor ArrayTrainer::tensor(const std::string& name) const {
  return impl_->session.engine().store().get(impl_->find(name));
}

void ArrayTrainer::set_tensor(const std::string& name, const Tensor& value) {
  VariableStore& store = impl_->session.engine().store();
  const int id = impl_->find(name);
  TEMPER_CHECK(value.shape() == store.variable(id).shape, ErrorCode::kInvalidArgument, "'", name,
               "' has the shape ", store.variable(id).shape, ", the array given ", value.shape());
  store.set(id, value);
}

void ArrayTrainer::save_model(const std::string& path) {
  if (impl_->steps) {
    impl_->steps->model().write(path);
    return;
  }
  impl_->session.write_model(path);
}

void ArrayTrainer::save_checkpoint(const std::string& folder) {
  impl_->training();
  training::save_checkpoint(folder, impl_->session.engine().store(), impl_->context.state,
                            impl_->session.recipe().checkpoint.keep);
}

void ArrayTrainer::load_checkpoint(const std::string& folder) {
  TrainSteps& steps = impl_->training();
  std::vector<std::string> notes;
  std::optional<RunState> loaded = load_newest_checkpoint(
      folder, notes,
      [&](const RunState&) -> VariableStore& { return impl_->session.engine().store(); });
  TEMPER_CHECK(loaded.has_value(), ErrorCode::kInvalidModel, "there is no checkpoint in ", folder);
  impl_->context.state = std::move(*loaded);
  steps.resume_given();
  for (const std::string& note : notes) {
    impl_->context.observer.message(note);
  }
}

std::int64_t ArrayTrainer::steps() const { return impl_->context.state.attempted; }
const std::vector<std::string>& ArrayTrainer::notes() const { return impl_->session.notes(); }
const Session& ArrayTrainer::session() const { return impl_->session; }

}  // namespace temper::training
