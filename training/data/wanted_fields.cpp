// Matching arrays with inputs and targets.
#include "training/data/wanted_fields.h"

#include <algorithm>
#include <utility>

#include "training/data/row_shape.h"

namespace temper::training {
namespace {

constexpr std::string_view kTargetPrefix = "target:";

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_input(const DataOptions& options, std::string_view name) {
  return std::any_of(options.inputs.begin(), options.inputs.end(),
                     [&](const WantedField& input) { return input.name == name; });
}

std::string listed(const ArraySource& source) {
  return concat(source.path, " has ",
                source.names.empty() ? std::string("no arrays") : join(source.names, ", "));
}

// For data whose target goes by another name.
std::string hint_for_target(const ArraySource& source) {
  return source.names.size() > 1 ? ". Save it under one of these names, or say its own: "
                                   "loss.target = \"NAME\""
                                 : "";
}

std::vector<WantedField> wanted_inputs(const ArraySource& source, const DataOptions& options) {
  if (!options.inputs.empty()) {
    return options.inputs;
  }
  std::vector<WantedField> inputs;
  for (const std::string& name : source.names) {
    const bool claimed = std::any_of(
        options.targets.begin(), options.targets.end(),
        [&](const WantedField& target) { return target.name == name || target.array == name; });
    if (!claimed && !contains(usual_targets(), name) && !name.starts_with(kTargetPrefix)) {
      inputs.push_back({name, DType::kUndefined, std::nullopt, {}});
    }
  }
  TEMPER_CHECK(!inputs.empty(), ErrorCode::kInvalidData,
               "no array to take as input: ", listed(source));
  return inputs;
}

// What an array may be called that is this target, the first the best.
std::vector<std::string> candidates_for(const WantedField& target, bool only) {
  const std::string& name = target.array.empty() ? target.name : target.array;
  std::vector<std::string> candidates = {name};
  candidates.insert(target.array.empty() ? candidates.begin() : candidates.end(),
                    std::string(kTargetPrefix) + name);
  for (const std::string& usual : usual_targets()) {
    if (only && target.array.empty() && !contains(candidates, usual)) {
      candidates.push_back(usual);
    }
  }
  return candidates;
}

// The targets with the name each has in the file; an empty name: not there.
std::vector<WantedField> wanted_targets(const ArraySource& source, const DataOptions& options) {
  std::vector<WantedField> targets = options.targets;
  if (targets.empty()) {
    for (const std::string& name : source.names) {
      if (name.starts_with(kTargetPrefix) && !is_input(options, name)) {
        targets.push_back(
            {name.substr(kTargetPrefix.size()), DType::kUndefined, std::nullopt, name});
      }
    }
    if (targets.empty()) {
      targets.push_back({usual_targets().front(), DType::kUndefined, std::nullopt, {}});
    }
  }
  for (WantedField& target : targets) {
    const std::vector<std::string> candidates =
        candidates_for(target, options.require_targets && targets.size() == 1);
    const std::string asked = target.array;
    target.array.clear();
    for (const std::string& name : candidates) {
      if (target.array.empty() && contains(source.names, name) &&
          (!asked.empty() || !is_input(options, name))) {
        target.array = name;
      }
    }
    TEMPER_CHECK(!target.array.empty() || !options.require_targets, ErrorCode::kInvalidData,
                 "no array for the target '", target.name, "' (expected '",
                 join(candidates, "' or '"), "'): ", listed(source), hint_for_target(source));
  }
  return targets;
}

}  // namespace

const std::vector<std::string>& usual_targets() {
  static const std::vector<std::string> kNames = {"target", "label", "y"};
  return kNames;
}

ArrayField make_array_field(Tensor array, const WantedField& wanted, bool is_target,
                            std::string source, const DataOptions& options) {
  TEMPER_CHECK(array.shape().rank() >= 1, ErrorCode::kInvalidData, source,
               " is a single value; expected one entry per row");
  TEMPER_CHECK(!is_narrow(wanted.dtype), ErrorCode::kUnsupported, "the model takes '", wanted.name,
               "' as ", wanted.dtype,
               ", a type that no data file has; a Cast in front of it would "
               "take numbers");
  ArrayField entry;
  entry.source = std::move(source);
  const Shape stored(array.shape().dims().subspan(1));
  entry.field.name = wanted.name;
  entry.field.is_target = is_target;
  entry.field.row_shape =
      array.shape()[0] == 0 ? stored : fit_row_shape(stored, wanted, entry.source);
  const DType dtype = array.dtype();
  const bool scaled = options.settings.scale && !is_target && dtype == DType::kUInt8;
  entry.field.dtype = wanted.dtype;
  if (wanted.dtype == DType::kUndefined) {
    const bool narrow = is_target && is_float(dtype);
    const bool widen = is_target && is_integer(dtype);
    entry.field.dtype = scaled || narrow ? DType::kFloat32 : (widen ? DType::kInt64 : dtype);
  }
  if (scaled && is_float(entry.field.dtype)) {
    entry.divisor = 255.0;
  }
  if (!is_target && dtype == DType::kUInt8 && is_float(entry.field.dtype)) {
    entry.field.white = 255.0 / entry.divisor;
  }
  entry.array = std::move(array);
  return entry;
}

std::vector<ArrayField> match_arrays(const ArraySource& source, const DataOptions& options) {
  std::vector<ArrayField> fields;
  const auto add = [&](const WantedField& wanted, const std::string& array, bool is_target) {
    const std::string name = concat(source.path, ", array '", array, "'");
    fields.push_back(make_array_field(source.read(array), wanted, is_target, name, options));
  };
  for (const WantedField& input : wanted_inputs(source, options)) {
    const std::string& array = input.array.empty() ? input.name : input.array;
    if (input.optional && !contains(source.names, array)) {
      continue;
    }
    TEMPER_CHECK(contains(source.names, array), ErrorCode::kInvalidData, "no array '", array,
                 "' for the model's input '", input.name, "': ", listed(source),
                 ". Save it under the input's name");
    add(input, array, false);
  }
  for (const WantedField& target : wanted_targets(source, options)) {
    if (!target.array.empty()) {
      add(target, target.array, true);
    }
  }
  return fields;
}

}  // namespace temper::training
