// A session over arrays in memory: taking further ones.
#include <algorithm>
#include <utility>

#include "runtime/base/error.h"
#include "training/session/input_ranges.h"
#include "training/session/session.h"

namespace temper::training {
namespace {

// A batch of them is bound to plans that were made for the first ones.
void check_same_fields(const Dataset& first, const Dataset& more) {
  for (std::size_t i = 0; i < more.fields().size(); ++i) {
    const Field& given = more.fields()[i];
    const Field& wanted = first.fields()[i];
    TEMPER_CHECK(given.row_shape == wanted.row_shape && given.dtype == wanted.dtype,
                 ErrorCode::kInvalidData, more.where(i, 0), " is ", given.dtype, given.row_shape,
                 " in each row, the arrays that this was opened with were ", wanted.dtype,
                 wanted.row_shape, ": open another one for rows of another size");
  }
}

}  // namespace

void Session::expect_more() {
  more_.arrays.clear();
  for (RunLosses::Labels& labels : losses_.labels) {
    labels.all_count = false;
    losses_.terms[labels.term].all_count = false;
  }
}

std::unique_ptr<Dataset> Session::open_more(std::vector<std::pair<std::string, Tensor>> arrays,
                                            bool targets) const {
  TEMPER_CHECK(!arrays.empty(), ErrorCode::kInvalidArgument, "no arrays were given");
  TEMPER_CHECK(!lengths_.any(), ErrorCode::kUnsupported,
               "these samples differ in length; arrays in memory must have rows of one size");
  DataOptions options = more_;
  options.arrays = std::move(arrays);
  options.preprocessing = train_data().preprocessing();
  if (!targets) {
    options.require_targets = false;
    std::erase_if(options.arrays, [&](const auto& array) {
      return std::none_of(options.inputs.begin(), options.inputs.end(),
                          [&](const WantedField& input) { return input.name == array.first; });
    });
  }
  std::unique_ptr<Dataset> data = open_dataset(recipe_.data.train, options);
  check_same_fields(train_data(), *data);
  check_indices(*imported_, *data, recipe_.model.allow_negative_ids);
  if (targets) {
    RunLosses losses = losses_;
    std::vector<std::string> notes;
    check_run_targets(losses, *data, recipe_.data.class_names, notes);
  }
  return data;
}

}  // namespace temper::training
