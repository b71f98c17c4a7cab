// Shapes of targets and outputs, and the words for those that do not fit.
#include "training/objective/target_fit.h"

#include "runtime/base/error.h"
#include "training/data/row_shape.h"

namespace temper::training {
namespace {

// What each of an output's samples or positions would have as its class index.
bool fits_class_indices(const Shape& row, const Shape& output) {
  if (output.rank() < 2) {
    return false;
  }
  return is_same_row(row, row_of(row_of(output))) ||
         is_same_row(row, row_of(row_of(classes_second(output))));
}

std::string numbers(std::int64_t count) {
  return concat(count, count == 1 ? " number" : " numbers", " per sample");
}

// The shape that NumPy's reshape takes.
std::string reshape_text(const Shape& row) {
  return concat("(-1", row.rank() > 0 ? ", " : ",", join(row.dims(), ", "), ")");
}

std::string advice(const Loss& loss, const TargetSpec& spec, const Shape& output,
                   const FoundTarget& found) {
  const Shape row = row_of(spec.shape);
  const Shape& given = found.field.row_shape;
  const std::string name = concat("'", found.field.name, "' of ", found.data);
  const std::int64_t outputs = row_of(output).element_count();
  const bool either = loss.target == TargetKind::kClassesOrLikeOutput;
  const bool indices = given.element_count() < outputs && fits_class_indices(given, output);
  if (spec.classes) {
    return concat(loss.name, " takes class indices, ", as_batch(row),
                  either ? concat(", or a number for each class, ", as_batch(row_of(output))) : "",
                  output.rank() > 2 ? " (loss.class_axis says which axis holds the classes)" : "",
                  "; ", name, " has ", numbers(given.element_count()));
  }
  const std::string needs =
      concat(loss.name, loss.target == TargetKind::kPerSample ? " needs one number per sample"
                                                              : " needs equal shapes");
  if (indices && !is_integer(found.field.dtype)) {
    return concat(either ? concat(loss.name,
                                  " takes class indices, which are integers, or a number for each "
                                  "class, ",
                                  as_batch(row))
                         : needs,
                  "; if ", name,
                  " are classes, store them as integers: in NumPy array.astype('int64'), in "
                  "CSV and JSON 2 and not 2.0",
                  either ? "" : ", with loss.name = \"cross_entropy\"");
  }
  if (indices && loss.target == TargetKind::kLikeOutput) {
    return concat(needs, "; if ", name,
                  " are classes, write loss.name = \"cross_entropy\"; else it has ",
                  numbers(given.element_count()), ", the model gives ", outputs);
  }
  if (given.element_count() == row.element_count()) {
    return concat(needs, "; reshape ", name, " to ", reshape_text(row),
                  ", or let the model's output be ", as_batch(given));
  }
  return concat(needs, "; ", name, " has ", numbers(given.element_count()),
                loss.target == TargetKind::kPerSample ? "" : concat(", the model gives ", outputs));
}

}  // namespace

Shape row_of(const Shape& batch_shape) {
  Shape row;
  for (int axis = 1; axis < batch_shape.rank(); ++axis) {
    row.push_back(batch_shape[axis]);
  }
  return row;
}

std::string as_batch(const Shape& row) {
  return concat("[N", row.rank() > 0 ? "," : "", join(row.dims(), ","), "]");
}

void check_output_rows(const Loss& loss, const Attrs& parameters, const std::string& name,
                       const Shape& output, std::int64_t batch) {
  const bool time_first =
      loss.target == TargetKind::kLabelSequence && parameters.get_int("batch_first", 1) == 0;
  const int axis = time_first ? 1 : 0;
  if (loss.target == TargetKind::kNone || (output.rank() > axis && output[axis] == batch)) {
    return;
  }
  const bool rows_in_one = output.rank() >= 1 && output[0] > 0 && output[0] % batch == 0;
  const std::int64_t each = rows_in_one ? output[0] / batch : 0;
  Shape wanted;
  for (int i = 0; i < output.rank(); ++i) {
    wanted.push_back(i == 0 ? each : output[i]);
  }
  fail(ErrorCode::kInvalidArgument, "the model's output '", name, "' is ", output, " for ", batch,
       " samples, not a row for each, so ", loss.name, " cannot be computed",
       rows_in_one
           ? concat("; end the model with a Reshape to [-1, ", join(wanted.dims(), ", "),
                    "] (in PyTorch: y.reshape(-1, ", join(wanted.dims(), ", "),
                    ")), or say how the samples lie: model.output.", name,
                    ".flatten = \"batch_time\" or \"time_batch\"")
           : concat("; let the model give one row per sample, or write data.batch_size = 1, "
                    "where all of it is the sample's, or model.output.",
                    name, ".batch_axis"),
       ", or give the loss as an ONNX file (loss.file)");
}

std::string check_target(const Loss& loss, const TargetSpec& spec, const Shape& output,
                         const FoundTarget& found) {
  const Shape row = row_of(spec.shape);
  const Shape& given = found.field.row_shape;
  const bool alike = without_ones(given) == without_ones(row);
  if (given == row || (alike && (found.field.is_mask || found.named))) {
    return {};
  }
  const bool same = spec.classes ? is_same_row(given, row) : alike && row.element_count() == 1;
  if (!same) {
    fail(ErrorCode::kInvalidArgument, "the model's output is ", as_batch(row_of(output)),
         ", the target ", as_batch(given), ": ", advice(loss, spec, output, found));
  }
  return concat("the target '", found.field.name, "' ", as_batch(given), " is taken as ",
                as_batch(row), ": the same numbers, row by row");
}

}  // namespace temper::training
