#include "training/data/arrays/made_rows.h"

#include <algorithm>
#include <string>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

struct Source {
  std::size_t array = 0;
  int axis = 0;
};

// Of the model's names of the dimensions.
const Source* named_alike(const std::vector<std::string>& names,
                          const std::vector<ArrayField>& arrays, Source& found) {
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    for (std::size_t axis = 0; axis < arrays[i].row_names.size(); ++axis) {
      const std::string& name = arrays[i].row_names[axis];
      if (!name.empty() && !arrays[i].field.is_target &&
          std::find(names.begin(), names.end(), name) != names.end()) {
        found = {i, static_cast<int>(axis)};
        return &found;
      }
    }
  }
  return nullptr;
}

Source source_of(const WantedField& wanted, const std::vector<ArrayField>& arrays) {
  Source found;
  if (named_alike(wanted.row_names, arrays, found) != nullptr &&
      found.axis < arrays[found.array].field.row_shape.rank()) {
    return found;
  }
  for (const bool ragged : {true, false}) {
    for (std::size_t i = 0; i < arrays.size(); ++i) {
      const ArrayField& entry = arrays[i];
      if (!entry.field.is_target && entry.field.row_shape.rank() > 0 &&
          (entry.ragged.has_value() || !ragged)) {
        return {i, entry.ragged ? entry.ragged->axis() : 0};
      }
    }
  }
  fail(ErrorCode::kInvalidData, "the data have no array for the model's input '", wanted.name,
       "', and no other input to make it from");
}

// The dimension of the made rows that goes along the samples.
int axis_along(const WantedField& wanted, const std::string& name) {
  const auto named = std::find(wanted.row_names.begin(), wanted.row_names.end(), name);
  if (!name.empty() && named != wanted.row_names.end()) {
    return static_cast<int>(named - wanted.row_names.begin());
  }
  const auto open = std::find(wanted.row_dims.begin(), wanted.row_dims.end(), -1);
  return open == wanted.row_dims.end() ? static_cast<int>(wanted.row_dims.size()) - 1
                                       : static_cast<int>(open - wanted.row_dims.begin());
}

template <class T, class Value>
void fill_rows(Tensor& out, int axis, std::span<const std::int64_t> lengths, const Value& value) {
  const Shape& shape = out.shape();
  const std::int64_t outer = shape.count(1, axis + 1);
  const std::int64_t size = shape[axis + 1];
  const std::int64_t inner = shape.count(axis + 2, shape.rank());
  T* to = static_cast<T*>(out.data());
  for (const std::int64_t length : lengths) {
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t t = 0; t < size; ++t) {
        to = std::fill_n(to, inner, convert_element<T>(value(t, length)));
      }
    }
  }
}

}  // namespace

MadeRows made_rows(const WantedField& wanted, bool is_target,
                   const std::vector<ArrayField>& arrays) {
  const Source source = source_of(wanted, arrays);
  const ArrayField& entry = arrays[source.array];
  MadeRows made;
  made.kind = wanted.made;
  made.source = source.array;
  made.source_axis = source.axis;
  made.field.name = wanted.name;
  made.field.dtype = wanted.dtype;
  made.field.is_target = is_target;
  made.frames = wanted.frames;
  if (made.kind == MadeField::kLengths) {
    made.field.row_shape = wanted.row_shape.value_or(Shape{});
    TEMPER_CHECK(made.field.row_shape.element_count() == 1, ErrorCode::kInvalidData,
                 "the model's input '", wanted.name, "' has rows of shape ", made.field.row_shape,
                 ", but a length is one number per sample");
    return made;
  }
  const auto at = static_cast<std::size_t>(source.axis);
  made.axis = axis_along(wanted, at < entry.row_names.size() ? entry.row_names[at] : "");
  TEMPER_CHECK(made.axis >= 0, ErrorCode::kInvalidData,
               "the data have no array for the model's "
               "input '",
               wanted.name,
               "', and what it is cannot be made of the samples' lengths: "
               "it has one number per sample");
  for (std::size_t i = 0; i < wanted.row_dims.size(); ++i) {
    const bool along = static_cast<int>(i) == made.axis;
    TEMPER_CHECK(along || wanted.row_dims[i] >= 0, ErrorCode::kInvalidData,
                 "the data have no array for the model's input '", wanted.name,
                 "', and its dimension ", i + 1, " is open: it cannot be made");
    made.field.row_shape.push_back(along ? entry.field.row_shape[source.axis] : wanted.row_dims[i]);
  }
  made.field.ragged_axis = entry.field.ragged_axis == source.axis ? made.axis : -1;
  return made;
}

void fill_made(const MadeRows& made, std::span<const std::int64_t> lengths, std::int64_t longest,
               Tensor& out) {
  visit_any(out.dtype(), [&]<class T>() {
    switch (made.kind) {
      case MadeField::kNone:
        break;
      case MadeField::kMask:
        fill_rows<T>(out, made.axis, lengths,
                     [](std::int64_t t, std::int64_t length) { return std::int64_t{t < length}; });
        break;
      case MadeField::kPaddingMask:
        fill_rows<T>(out, made.axis, lengths,
                     [](std::int64_t t, std::int64_t length) { return std::int64_t{t >= length}; });
        break;
      case MadeField::kPositions:
        fill_rows<T>(out, made.axis, lengths, [](std::int64_t t, std::int64_t) { return t; });
        break;
      case MadeField::kZeros:
        fill_rows<T>(out, made.axis, lengths,
                     [](std::int64_t, std::int64_t) { return std::int64_t{0}; });
        break;
      case MadeField::kLengths:
        for (std::size_t i = 0; i < lengths.size(); ++i) {
          const std::int64_t length = std::min(lengths[i], longest);
          static_cast<T*>(out.data())[i] = convert_element<T>(
              made.frames.empty() ? length : made.frames.at(static_cast<std::size_t>(length)));
        }
        break;
    }
  });
}

void follow_fixed_inputs(std::vector<ArrayField>& arrays) {
  for (ArrayField& target : arrays) {
    for (const ArrayField& input : arrays) {
      if (target.field.is_target && target.field.ragged_axis >= 0 && !input.field.is_target &&
          input.ragged && input.field.ragged_axis < 0 &&
          input.ragged->sizes() == target.ragged->sizes()) {
        TEMPER_CHECK(is_integer(target.field.dtype), ErrorCode::kUnsupported, target.source,
                     ": targets that are floats and as long as their sample need a model that "
                     "leaves the length open; it fixes that of '",
                     input.field.name, "'");
        target.field.row_shape[target.field.ragged_axis] =
            input.field.row_shape[input.ragged->axis()];
        target.field.ragged_axis = -1;
        break;
      }
    }
  }
}

}  // namespace temper::training
