// What a session does where samples differ in length.
#include <algorithm>
#include <optional>

#include "runtime/base/error.h"
#include "training/session/output_lengths.h"
#include "training/session/session.h"

namespace temper::training {

// A loss of label sequences is told how much of the output is of each sample, where the data do not
// say it.
void Session::add_frames(const Dataset& train, const Dataset* val) {
  for (RunLosses::Sequences& sequences : losses_.sequences) {
    LossTerm& term = *std::find_if(losses_.terms.begin(), losses_.terms.end(), [&](auto& each) {
      return losses_.targets[static_cast<std::size_t>(each.target_index)].name == sequences.field;
    });
    if (!lengths_.any() || !sequences.lengths.empty()) {
      continue;
    }
    OutputLengths parts(*imported_, recipe_.model, lengths_, *reference_, layout_.probe_batch());
    const std::size_t output = output_of(term);
    if (parts.axis(output) < 0) {
      continue;
    }
    WantedField field{"lengths of the samples", DType::kInt64, Shape{}, {}};
    field.made = MadeField::kLengths;
    field.frames.assign(static_cast<std::size_t>(lengths_.longest()) + 1, 0);
    for (const Dataset* data : {&train, val}) {
      for (const std::int64_t length :
           data == nullptr ? std::vector<std::int64_t>{} : lengths_.lengths_of(*data)) {
        std::int64_t& frames = field.frames[static_cast<std::size_t>(length)];
        frames = frames == 0 ? parts.size(output, length) : frames;
      }
    }
    term.lengths_index = static_cast<int>(losses_.targets.size());
    term.loss.parameters.set("input_lengths", field.name);
    sequences.lengths = field.name;
    losses_.ports.push_back({PortRole::kInputLengths, term.lengths_index});
    losses_.targets.push_back(std::move(field));
  }
}

std::size_t Session::output_of(const LossTerm& term) const {
  for (std::size_t i = 0; i < imported_->outputs.size() && !term.outputs.empty(); ++i) {
    if (imported_->outputs[i].name == term.outputs.front()) {
      return i;
    }
  }
  return 0;
}

// A target that goes along the samples is filled up with what its loss leaves out.
void Session::leave_out_filling() {
  const std::vector<Field>& fields = train_data().fields();
  TEMPER_CHECK(!lengths_.any() || recipe_.teacher.model.empty(), ErrorCode::kUnsupported,
               "loss.teacher.model needs samples of one length: ", recipe_.data.train,
               " has several along '", lengths_.name(), "'");
  for (std::size_t f = 0; f < fields.size(); ++f) {
    const std::optional<Port> port =
        fields[f].is_target ? losses_.port_of(fields[f]) : std::nullopt;
    if (!port || !lengths_.follows(train_data(), f)) {
      continue;
    }
    for (LossTerm& term : losses_.terms) {
      const auto reads = [&](const LossFileTarget& target) {
        return port == Port{PortRole::kTarget, target.target};
      };
      TEMPER_CHECK(
          !std::any_of(term.file_targets.begin(), term.file_targets.end(), reads),
          ErrorCode::kUnsupported, "the loss of ", term.file, " takes the target '", fields[f].name,
          "', which is as long as its sample: a loss file cannot leave out what was filled up");
      if (term.is_file() || port != Port{PortRole::kTarget, term.target_index}) {
        continue;
      }
      term.filled_up = is_float(fields[f].dtype);
      TEMPER_CHECK(term.filled_up || term.loss.parameters.has("ignore_index"),
                   ErrorCode::kUnsupported, "the target '", fields[f].name,
                   "' is as long as its sample, but the loss ", term.loss.name,
                   " leaves no class out, so it cannot leave out what was filled up");
    }
  }
}

void Session::settle_lengths(Dataset& probe, const Dataset* other) {
  lengths_ = RunLengths(*imported_, probe, other, recipe_.data, notes_);
  lengths_.settle(probe);
}

std::int64_t Session::length_of(const GraphRequest& request) const {
  return request.symbols.empty() ? lengths_.longest() : request.symbols.begin()->second;
}

// Enough for all that come up, where the recipe does not say.
void Session::settle_plan_cache() {
  const std::size_t kinds = recipe_.train.accumulate > 1 ? 2 : 1;
  const auto count =
      static_cast<std::int64_t>(kinds * data_->train_forms().size() + data_->val_forms().size());
  constexpr std::int64_t kMost = 64;
  if (!lengths_.any() || count <= options_.plan_cache) {
    return;
  }
  if (recipe_.origins.contains("train.plan_cache")) {
    notes_.push_back(concat("train.plan_cache = ", options_.plan_cache, ", but batches come in ",
                            count, " forms: plans are compiled again and again"));
    return;
  }
  recipe_.train.plan_cache = options_.plan_cache = std::min(count, kMost);
  notes_.push_back(concat("train.plan_cache = ", options_.plan_cache, " (the forms of batches)"));
}

std::vector<GraphRequest> Session::requests_of_lengths() const {
  const bool accumulates = recipe_.train.accumulate > 1;
  const BatchForm largest = data_->train_forms().front();
  std::vector<GraphRequest> list = {
      request(accumulates ? GraphKind::kLast : GraphKind::kTrain, largest.rows, largest.length)};
  if (accumulates) {
    list.push_back(request(GraphKind::kMicro, largest.rows, largest.length));
  }
  const std::vector<BatchForm> of_val = data_->val_forms();
  if (!of_val.empty()) {
    list.push_back(request(GraphKind::kEvaluate, of_val.front().rows, of_val.front().length));
  }
  return list;
}

}  // namespace temper::training
