#include "graph/onnx/surgery/picks_of_batch.h"

#include <onnx.pb.h>

#include "graph/ir/batch_context.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::int64_t kBatchDims = 12;  // the opset from which a node can pick in each sample
constexpr std::int64_t kAxesAsInput = 13;

class Picks {
 public:
  Picks(ModelEdit& edit, BatchSize& batch, wire::NodeProto& file, const PickOfSample& pick)
      : edit_(edit), batch_(batch), file_(file), pick_(pick) {}

  // Along axis 0 of [elements of a sample, ...], so of [batch, elements, ...].
  void by_element() {
    const std::string samples = of_samples();
    if (pick_.computed) {
      needs(kBatchDims);
      const std::string places = with_axes("Unsqueeze", -1);
      file_.set_op_type("GatherND");
      remove_attribute(file_, "axis");
      set_int(file_, "batch_dims", 1);
      set_inputs(samples, places);
    } else {
      set_int(file_, "axis", 1);
      set_inputs(samples, with_axes("Squeeze", 0));
    }
  }

  // By tuples, the first number of which is the sample's.
  void by_place() {
    needs(kBatchDims);
    const auto last = static_cast<std::int64_t>(pick_.places.rank() - 1);
    std::string places = unique("_places");
    edit_.insert_before(
        file_, "Slice",
        {file_.input(1), numbers({1}), numbers({pick_.places[last]}), numbers({last})}, places);
    if (!pick_.computed) {
      const std::vector<std::int64_t> ones(static_cast<std::size_t>(last) + 1, 1);
      const std::string each = unique("_places");
      edit_.insert_before(file_, "Expand", {places, batch_.with_batch(file_, ones, 0, 1)}, each);
      places = each;
    }
    set_int(file_, "batch_dims", 1);
    set_inputs(file_.input(0), places);
  }

 private:
  std::string unique(const char* of) { return edit_.unique(file_.output(0) + of); }

  std::string numbers(const std::vector<std::int64_t>& values) {
    const std::string name = unique("_numbers");
    edit_.add_integers(name, values);
    return name;
  }

  void needs(std::int64_t opset) const {
    TEMPER_CHECK(edit_.opset() >= opset, ErrorCode::kUnsupported, file_.op_type(), " '",
                 file_.name(), "' picks within the sample, which takes opset ", opset,
                 " in a batch; the file has ", edit_.opset(), kRebatchAdvice);
  }

  // The data as [batch, elements of a sample, ...].
  std::string of_samples() {
    std::vector<std::int64_t> rows{-1};
    for (const std::int64_t dim : pick_.data) {
      rows.push_back(dim);
    }
    std::string target;
    if (pick_.open_sizes) {
      TEMPER_CHECK(pick_.data.rank() == 1, ErrorCode::kUnsupported, file_.op_type(), " '",
                   file_.name(), "' picks pieces of ", pick_.data,
                   ", some of whose sizes are open, within the sample", kRebatchAdvice);
      target = batch_.with_batch(file_, {1, -1}, 0, 1);
    } else {
      target = numbers(rows);
    }
    const std::string samples = unique("_samples");
    edit_.insert_before(file_, "Reshape", {file_.input(0), target}, samples);
    return samples;
  }

  // The places without, or with, a dimension of one.
  std::string with_axes(const char* op, std::int64_t axis) {
    const std::string places = unique("_places");
    if (edit_.opset() >= kAxesAsInput) {
      edit_.insert_before(file_, op, {file_.input(1), numbers({axis})}, places);
    } else {
      const std::int64_t at = axis < 0 ? pick_.places.rank() : axis;
      set_ints(edit_.insert_before(file_, op, {file_.input(1)}, places), "axes", {at});
    }
    return places;
  }

  void set_inputs(const std::string& data, const std::string& places) {
    file_.set_input(0, data);
    file_.set_input(1, places);
  }

  ModelEdit& edit_;
  BatchSize& batch_;
  wire::NodeProto& file_;
  const PickOfSample& pick_;
};

}  // namespace

void pick_in_each_sample(ModelEdit& edit, BatchSize& batch, wire::NodeProto& file,
                         const PickOfSample& pick) {
  Picks picks(edit, batch, file, pick);
  if (file.op_type() == "Gather") {
    picks.by_element();
  } else {
    picks.by_place();
  }
}

}  // namespace temper::graph
