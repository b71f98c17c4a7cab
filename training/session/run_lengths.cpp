#include "training/session/run_lengths.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "training/data/bucket_choice.h"

namespace temper::training {
namespace {

using graph::Dim;
using graph::Graph;
using graph::ValueId;

const Field* field_named(const Dataset& data, const std::string& name, std::size_t& index) {
  const std::vector<Field>& fields = data.fields();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!fields[i].is_target && fields[i].name == name) {
      index = i;
      return &fields[i];
    }
  }
  return nullptr;
}

bool same_sizes(std::span<const std::int64_t> a, std::span<const std::int64_t> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

std::int64_t largest(std::span<const std::int64_t> sizes) {
  return sizes.empty() ? 0 : *std::max_element(sizes.begin(), sizes.end());
}

// The dimension of an input that differs from row to row; null: none.
Dim* open_dim(Graph& graph, ValueId input, const Dataset& data, std::size_t& field) {
  graph::Value& value = graph.value(input);
  const Field* found = field_named(data, value.name, field);
  const int axis = found == nullptr ? -1 : found->ragged_axis;
  const bool fits = axis >= 0 && static_cast<int>(value.dims.size()) == found->row_shape.rank() + 1;
  if (!fits || value.dims[static_cast<std::size_t>(axis) + 1].value >= 0) {
    return nullptr;
  }
  return &value.dims[static_cast<std::size_t>(axis) + 1];
}

}  // namespace

// The first input of different lengths leads; what is as long, row by row, is as long in the model.
void RunLengths::name_dimensions(Graph& graph, const Dataset& train) {
  std::size_t lead = 0;
  for (const ValueId id : graph.inputs) {
    std::size_t field = 0;
    Dim* dim = open_dim(graph, id, train, field);
    if (dim == nullptr ||
        (!lead_.empty() && !same_sizes(train.row_sizes(field), train.row_sizes(lead)))) {
      continue;
    }
    const std::string& input = graph.value(id).name;
    if (lead_.empty()) {
      lead_ = input;
      lead = field;
      name_ = dim->symbol.empty() ? concat("the length of ", input) : dim->symbol;
    }
    dim->symbol = dim->symbol.empty() ? name_ : dim->symbol;
    if (std::find(symbols_.begin(), symbols_.end(), dim->symbol) == symbols_.end()) {
      symbols_.push_back(dim->symbol);
    }
  }
}

// Every input that has a dimension of this name must differ as the lead does.
void RunLengths::check_inputs(const Graph& graph, const Dataset& data) const {
  const std::size_t lead = lead_field(data);
  for (const ValueId id : graph.inputs) {
    const graph::Value& value = graph.value(id);
    std::size_t index = 0;
    const Field* field = field_named(data, value.name, index);
    for (std::size_t axis = 1; axis < value.dims.size() && field != nullptr; ++axis) {
      const Dim& dim = value.dims[axis];
      if (dim.value >= 0 || dim.symbol.empty() ||
          std::find(symbols_.begin(), symbols_.end(), dim.symbol) == symbols_.end()) {
        continue;
      }
      TEMPER_CHECK(field->ragged_axis == static_cast<int>(axis) - 1, ErrorCode::kInvalidData,
                   data.where(index, 0), ": dimension ", axis, " of '", value.name, "' is '",
                   dim.symbol, "' in the model, as the length of '", lead_,
                   "' is, but all its rows are of one size ", field->row_shape,
                   ": give it lengths, too (the array ", value.name, ".lengths, or data.lengths)");
      const auto own = data.row_sizes(index);
      const auto wanted = data.row_sizes(lead);
      for (std::size_t row = 0; row < own.size(); ++row) {
        const auto at = static_cast<std::int64_t>(row);
        TEMPER_CHECK(own[row] == wanted[row], ErrorCode::kInvalidData, "the length '", dim.symbol,
                     "' of the model is ", own[row], " in ", data.where(index, at), ", but ",
                     wanted[row], " in ", data.where(lead, at), ": both need one length");
      }
    }
  }
}

std::size_t RunLengths::lead_field(const Dataset& data) const {
  std::size_t index = 0;
  TEMPER_CHECK(field_named(data, lead_, index) != nullptr && data.fields()[index].ragged_axis >= 0,
               ErrorCode::kInvalidData, data.where(0, 0), ": the samples of '", lead_,
               "' differ in length in the training data, here they have none of their own");
  return index;
}

RunLengths::RunLengths(Graph& graph, const Dataset& train, const Dataset* val,
                       const DataSettings& settings, std::vector<std::string>& notes)
    : max_length_(settings.max_length) {
  name_dimensions(graph, train);
  const bool asked = !settings.buckets.lengths.empty() || settings.buckets.count > 0;
  const char* key = asked ? "data.buckets" : "data.max_length";
  TEMPER_CHECK(!lead_.empty() || (!asked && max_length_ == 0), ErrorCode::kInvalidArgument, key,
               " is for samples of different lengths, but ", train.where(0, 0),
               " and what else there is have none: the model must leave a dimension of an input "
               "open, and the data say how long each row is (lists of JSON records, an array NAME "
               "with NAME.lengths, or data.lengths)");
  for (const Dataset* data : {&train, val}) {
    for (std::size_t f = 0; data != nullptr && f < data->fields().size(); ++f) {
      std::int64_t& size = others_[data->fields()[f].name];
      size = std::max(size, largest(data->row_sizes(f)));
    }
  }
  if (lead_.empty()) {
    return;
  }
  check_inputs(graph, train);
  std::vector<std::int64_t> lengths = lengths_of(train);
  const auto count = [&](const Dataset& data) {
    const auto sizes = data.row_sizes(lead_field(data));
    return std::count_if(sizes.begin(), sizes.end(),
                         [&](std::int64_t size) { return max_length_ > 0 && size > max_length_; });
  };
  auto cut = count(train);
  if (val != nullptr) {
    check_inputs(graph, *val);
    const std::vector<std::int64_t> more = lengths_of(*val);
    cut += count(*val);
    // They decide how long the longest bucket is, and nothing else.
    const std::int64_t longest = largest(lengths);
    std::copy_if(more.begin(), more.end(), std::back_inserter(lengths),
                 [&](std::int64_t length) { return length > longest; });
  }
  if (cut > 0) {
    notes.push_back(concat(cut, cut == 1 ? " sample was" : " samples were",
                           " longer than data.max_length = ", max_length_, " and cut"));
  }
  const bool differ = std::any_of(lengths.begin(), lengths.end(),
                                  [&](std::int64_t each) { return each != lengths.front(); });
  if (!differ && !asked) {  // one size, as if no length was open
    for (std::size_t f = 0; f < train.fields().size(); ++f) {
      if (same_sizes(train.row_sizes(f), train.row_sizes(lead_field(train)))) {
        others_[train.fields()[f].name] = lengths.front();
      }
    }
    return;
  }
  buckets_ = choose_buckets(lengths, settings);
  const BucketUse use = use_of(buckets_, lengths_of(train));
  notes.push_back(concat("samples differ in length along '", name_, "': filled up to ",
                         describe(buckets_, use)));
}

std::map<std::string, std::int64_t> RunLengths::symbols(std::int64_t length) const {
  std::map<std::string, std::int64_t> sizes;
  if (any() && length > 0 && length != longest()) {
    for (const std::string& symbol : symbols_) {
      sizes[symbol] = length;
    }
  }
  return sizes;
}

std::vector<std::int64_t> RunLengths::lengths_of(const Dataset& data) const {
  const auto sizes = data.row_sizes(lead_field(data));
  std::vector<std::int64_t> lengths(sizes.begin(), sizes.end());
  for (std::int64_t& length : lengths) {
    length = max_length_ > 0 ? std::min(length, max_length_) : length;
    length = std::max<std::int64_t>(length, 1);  // an empty sample takes a step, too
  }
  return lengths;
}

bool RunLengths::follows(const Dataset& data, std::size_t field) const {
  return any() && data.fields()[field].ragged_axis >= 0 &&
         same_sizes(data.row_sizes(field), data.row_sizes(lead_field(data)));
}

void RunLengths::settle(Dataset& data) const {
  for (std::size_t f = 0; f < data.fields().size(); ++f) {
    const Field field = data.fields()[f];
    if (field.ragged_axis < 0) {
      continue;
    }
    const auto other = others_.find(field.name);
    const std::int64_t own = field.row_shape[field.ragged_axis];
    data.deliver_size(f,
                      follows(data, f)         ? longest()
                      : other == others_.end() ? own
                                               : other->second,
                      std::nullopt);
  }
}

Buckets RunLengths::buckets_of(const Dataset& data) const {
  Buckets made;
  if (!any()) {
    return made;
  }
  made.lengths = buckets_;
  for (const std::int64_t length : lengths_of(data)) {
    TEMPER_CHECK(length <= longest(), ErrorCode::kInvalidData, data.where(lead_field(data), 0),
                 " and what follows: a sample has the length ", length,
                 ", the longest that this run is made for is ", longest(),
                 "; data.max_length cuts longer ones");
    made.of_row.push_back(static_cast<std::int32_t>(bucket_of(buckets_, length)));
  }
  for (std::size_t f = 0; f < data.fields().size(); ++f) {
    made.follows.push_back(follows(data, f));
  }
  return made;
}

}  // namespace temper::training
