// Matching arrays with inputs and targets.
#include "training/data/wanted_fields.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "training/data/arrays/made_rows.h"
#include "training/data/pictures/picture_preparation.h"
#include "training/data/row_shape.h"

namespace temper::training {
namespace {

constexpr std::string_view kTargetPrefix = "target:";
constexpr const char* kLengthsOf = ".lengths";
constexpr const char* kOffsetsOf = ".offsets";
constexpr double kIgnored = -100;  // what losses leave out

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

// Whether an array says how long the rows of another are.
bool says_sizes(const ArraySource& source, const std::string& name, const DataOptions& options) {
  for (const std::string_view suffix : {kLengthsOf, kOffsetsOf}) {
    if (name.ends_with(suffix) &&
        contains(source.names, name.substr(0, name.size() - suffix.size()))) {
      return true;
    }
  }
  return name == options.settings.lengths;
}

std::vector<WantedField> wanted_inputs(const ArraySource& source, const DataOptions& options) {
  if (!options.inputs.empty()) {
    return options.inputs;
  }
  std::vector<WantedField> inputs;
  for (const std::string& name : source.names) {
    if (says_sizes(source, name, options)) {
      continue;
    }
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
      if (name.starts_with(kTargetPrefix) && !is_input(options, name) &&
          !says_sizes(source, name, options)) {
        targets.push_back(
            {name.substr(kTargetPrefix.size()), DType::kUndefined, std::nullopt, name});
      }
    }
    if (targets.empty()) {
      targets.push_back({usual_targets().front(), DType::kUndefined, std::nullopt, {}});
    }
  }
  const auto needed = std::count_if(targets.begin(), targets.end(), [](const WantedField& target) {
    return target.made == MadeField::kNone;
  });
  for (WantedField& target : targets) {
    if (target.made != MadeField::kNone) {
      continue;
    }
    const std::vector<std::string> candidates =
        candidates_for(target, options.require_targets && needed == 1);
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

// What rows are filled up with where nothing else is said.
double usual_pad(const Field& field) {
  if (!field.is_target) {
    return 0;
  }
  return is_integer(field.dtype) ? kIgnored : std::numeric_limits<double>::quiet_NaN();
}

std::optional<double> said_pad(const DataOptions& options, const std::string& name) {
  for (const FieldSettings& field : options.settings.fields) {
    if (field.name == name && field.pad) {
      return field.pad;
    }
  }
  return std::nullopt;
}

// The shape rows of different sizes are delivered in. A size that the model fixes is that of all of
// them; a target's is what the run settled.
Shape ragged_row_shape(const Shape& stored, int axis, const WantedField& wanted, bool is_target,
                       const ArrayField& entry, const DataOptions& options) {
  Shape row = stored;
  const bool same_rank = wanted.row_shape && wanted.row_shape->rank() == stored.rank();
  if (same_rank) {
    const std::int64_t size = (*wanted.row_shape)[axis];
    TEMPER_CHECK(is_target || stored[axis] <= size || options.settings.truncate,
                 ErrorCode::kInvalidData, entry.source, " has rows of up to ", stored[axis],
                 ", the model takes ", size, "; data.truncate = true cuts off what is too long");
    row[axis] = size;
  }
  return fit_row_shape(row, wanted, entry.source);
}

// How long the rows of an array are, where the data say so.
std::optional<RowSizes> sizes_of(const ArraySource& source, const std::string& array,
                                 const Tensor& values, const WantedField& wanted, bool is_target,
                                 const DataOptions& options) {
  const auto from = [&](const std::string& name) {
    return concat(source.path, ", array '", name, "'");
  };
  const std::string lengths = array + kLengthsOf;
  const std::string offsets = array + kOffsetsOf;
  if (contains(source.names, lengths)) {
    return sizes_from_lengths(source.read(lengths), values, from(lengths), from(array), -1);
  }
  if (contains(source.names, offsets)) {
    return sizes_from_offsets(source.read(offsets), values, from(offsets), from(array));
  }
  const std::string& common = options.settings.lengths;
  if (common.empty() || array == common || values.shape().rank() < 2) {
    return std::nullopt;
  }
  const auto open = std::find(wanted.row_dims.begin(), wanted.row_dims.end(), -1);
  const bool is_open = open != wanted.row_dims.end() &&
                       static_cast<int>(wanted.row_dims.size()) == values.shape().rank() - 1;
  if (!is_open && !is_target) {
    return std::nullopt;
  }
  TEMPER_CHECK(contains(source.names, common), ErrorCode::kInvalidData, "no array '", common,
               "' (data.lengths): ", listed(source));
  const Tensor all = source.read(common);
  const int axis = is_open ? static_cast<int>(open - wanted.row_dims.begin()) : 0;
  const std::vector<std::int64_t> numbers = all.values<std::int64_t>();
  const std::int64_t longest =
      numbers.empty() ? 0 : *std::max_element(numbers.begin(), numbers.end());
  if (is_target && values.shape()[1] < longest) {
    return std::nullopt;  // of each sample, not of its steps
  }
  return sizes_from_lengths(all, values, from(common), from(array), axis);
}

void add_sizes(const RowSizes& sizes, const Shape& stored, const Shape& array,
               const WantedField& wanted, const DataOptions& options, ArrayField& entry) {
  const int axis = sizes.padded ? sizes.axis : 0;
  const bool fixed = wanted.row_shape.has_value() && !entry.field.is_target;
  entry.field.row_shape =
      ragged_row_shape(stored, axis, wanted, entry.field.is_target, entry, options);
  Shape before = stored;
  if (entry.field.row_shape.rank() == stored.rank()) {
    before[axis] = entry.field.row_shape[axis];
  }
  const int delivered = delivered_axis(before, axis, entry.field.row_shape);
  TEMPER_CHECK(delivered >= 0, ErrorCode::kInvalidData, entry.source, " has rows of shape ", stored,
               " that differ in their dimension ", axis + 1, ", the model takes ",
               entry.field.row_shape, ": what differs must be a dimension of its own");
  entry.ragged.emplace(sizes, array, delivered);
  entry.field.ragged_axis = fixed ? -1 : delivered;
}

// Pictures stored channels first for a model that takes them as they are decoded, channels last.
Tensor in_order_of(Tensor array, const WantedField& wanted) {
  if (array.shape().rank() != 4 || wanted.row_dims.size() != 3) {
    return array;
  }
  const Shape& all = array.shape();
  const Shape turned{all[2], all[3], all[1]};
  if (has_dims(Shape{all[1], all[2], all[3]}, wanted.row_dims) ||
      !has_dims(turned, wanted.row_dims)) {
    return array;
  }
  Tensor made(array.dtype(), Shape{all[0], all[2], all[3], all[1]}, {}, "pictures");
  visit_any(array.dtype(), [&]<class T>() {
    const T* from = static_cast<const T*>(array.data());
    T* to = static_cast<T*>(made.data());
    const std::int64_t plane = all[2] * all[3];
    for (std::int64_t row = 0; row < all[0]; ++row, from += all[1] * plane) {
      for (std::int64_t pixel = 0; pixel < plane; ++pixel) {
        for (std::int64_t c = 0; c < all[1]; ++c) {
          *to++ = from[c * plane + pixel];
        }
      }
    }
  });
  return made;
}

}  // namespace

const std::vector<std::string>& usual_targets() {
  static const std::vector<std::string> kNames = {"target", "label", "y"};
  return kNames;
}

ArrayField make_array_field(Tensor array, const WantedField& wanted, bool is_target,
                            std::string source, const DataOptions& options, const RowSizes* sizes) {
  TEMPER_CHECK(array.shape().rank() >= 1, ErrorCode::kInvalidData, source,
               " is a single value; expected one entry per row");
  TEMPER_CHECK(!is_narrow(wanted.dtype), ErrorCode::kUnsupported, "the model takes '", wanted.name,
               "' as ", wanted.dtype,
               ", a type that no data file has; a Cast in front of it would "
               "take numbers");
  if (!is_target && is_inside_model(options.preprocessing)) {
    array = in_order_of(std::move(array), wanted);
  }
  ArrayField entry;
  entry.source = std::move(source);
  const Shape stored =
      sizes == nullptr ? Shape(array.shape().dims().subspan(1)) : sizes->row_shape(array.shape());
  entry.field.name = wanted.name;
  entry.field.is_target = is_target;
  entry.row_names = wanted.row_names;
  if (sizes == nullptr) {
    entry.field.row_shape =
        array.shape()[0] == 0 ? stored : fit_row_shape(stored, wanted, entry.source);
  } else {
    add_sizes(*sizes, stored, array.shape(), wanted, options, entry);
  }
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
  if (sizes != nullptr) {
    entry.pad = wanted.pad.value_or(usual_pad(entry.field));
    entry.pad = said_pad(options, wanted.name).value_or(entry.pad);
  }
  entry.array = std::move(array);
  return entry;
}

MatchedArrays match_arrays(const ArraySource& source, const DataOptions& options) {
  MatchedArrays matched;
  std::vector<WantedField> made;
  std::vector<WantedField> made_targets;
  const auto add = [&](const WantedField& wanted, const std::string& array, bool is_target) {
    const std::string name = concat(source.path, ", array '", array, "'");
    Tensor values = source.read(array);
    const std::optional<RowSizes> sizes =
        sizes_of(source, array, values, wanted, is_target, options);
    matched.fields.push_back(make_array_field(std::move(values), wanted, is_target, name, options,
                                              sizes ? &*sizes : nullptr));
  };
  for (const WantedField& input : wanted_inputs(source, options)) {
    const std::string& array = input.array.empty() ? input.name : input.array;
    if (!contains(source.names, array) && (input.optional || input.made != MadeField::kNone)) {
      if (input.made != MadeField::kNone) {
        made.push_back(input);
      }
      continue;
    }
    TEMPER_CHECK(contains(source.names, array), ErrorCode::kInvalidData, "no array '", array,
                 "' for the model's input '", input.name, "': ", listed(source),
                 ". Save it under the input's name");
    add(input, array, false);
  }
  for (const WantedField& target : wanted_targets(source, options)) {
    if (target.made != MadeField::kNone) {
      made_targets.push_back(target);
    } else if (!target.array.empty()) {
      add(target, target.array, true);
    }
  }
  follow_fixed_inputs(matched.fields);
  for (const WantedField& input : made) {
    matched.made.push_back(made_rows(input, false, matched.fields));
  }
  for (const WantedField& target : made_targets) {
    matched.made.push_back(made_rows(target, true, matched.fields));
  }
  return matched;
}

}  // namespace temper::training
