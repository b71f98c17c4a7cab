#include "backends/host/update_kernel.h"

#include "runtime/base/error.h"

namespace temper {

Support supports_update(const OpQuery& query, bool also_double) {
  const UpdateLayout layout = UpdateLayout::of(*query.attrs);
  for (std::size_t i = UpdateLayout::kScalars; i < layout.copy(0); ++i) {
    const DType dtype = query.inputs[i].dtype;
    if (dtype != query.inputs[layout.parameter(0)].dtype ||
        (dtype != DType::kFloat32 && !(also_double && dtype == DType::kFloat64))) {
      return Support::no(concat("input ", i, " is ", dtype,
                                also_double ? ", not all f32 or all f64" : ", not f32"));
    }
  }
  return Support::yes();
}

UpdateKernel::UpdateKernel(const OpQuery& query, std::vector<std::string> parameters,
                           std::int64_t chunk, bool merge)
    : layout_(UpdateLayout::of(*query.attrs)),
      element_bytes_(size_of(query.inputs[layout_.parameter(0)].dtype)),
      rate_slots_(query.inputs[UpdateLayout::kRates].shape[1]),
      chunk_(chunk),
      scale_type_(query.inputs[UpdateLayout::kScale].dtype),
      merge_(merge) {
  phases_ = static_cast<std::size_t>(query.inputs[UpdateLayout::kStep].shape.element_count());
  read_groups(*query.attrs, parameters);
  take_layouts(query);
  if (!layout_.copy_of.empty()) {
    copy_type_ = query.inputs[layout_.copy(0)].dtype;
  }
  has_memory_ = query.inputs.size() > layout_.memory();
  kept_bytes = (static_cast<std::size_t>(total_ / chunk_) + layout_.count) * sizeof(FlatRange);
}

void UpdateKernel::read_groups(const Attrs& attrs, const std::vector<std::string>& parameters) {
  group_of_ = attrs.get_ints("group_of");
  const std::vector<std::int64_t> phase_of =
      attrs.get_ints("phase_of", std::vector<std::int64_t>(group_of_.size(), 0));
  for (std::size_t i = 0; i < group_of_.size(); ++i) {
    group_of_[i] = group_of_[i] * static_cast<std::int64_t>(phases_) + phase_of[i];
  }
  const std::vector<double> maximize = attrs.get_doubles("maximize");
  groups_ = maximize.size();
  for (const double flag : maximize) {
    sign_.push_back(flag != 0 ? -1.0 : 1.0);
  }
  rate_factor_ = attrs.get_doubles("rate_factor", std::vector<double>(groups_, 1.0));
  used_.resize(groups_ * phases_, false);
  for (const std::int64_t group : group_of_) {
    used_[static_cast<std::size_t>(group)] = true;
  }
  parameter_count_ = parameters.size();
  numbers_.resize(groups_ * parameter_count_);
  for (std::size_t i = 0; i < parameter_count_; ++i) {
    const std::vector<double> values = attrs.get_doubles(parameters[i]);
    TEMPER_ASSERT(values.size() == groups_, "attribute ", parameters[i]);
    for (std::size_t g = 0; g < groups_; ++g) {
      numbers_[g * parameter_count_ + i] = values[g];
      // Without it zero padding would become 0 / 0.
      over_padding_ = over_padding_ && (parameters[i] != "eps" || values[g] > 0);
    }
  }
}

// The update is elementwise: it takes whatever layout the parameter has, for its gradient and
// states too.
void UpdateKernel::take_layouts(const OpQuery& query) {
  input_layouts.resize(query.inputs.size());
  for (std::size_t i = UpdateLayout::kScalars; i < layout_.memory(); ++i) {
    input_layouts[i] = query.inputs[layout_.parameter(layout_.parameter_of_input(i))].layout;
  }
  for (std::size_t i = 0; i < layout_.count; ++i) {
    const TensorSpec& p = query.inputs[layout_.parameter(i)];
    elements_.push_back(storage_elements(p.shape, p.layout));
    total_ += elements_.back();
  }
  output_layouts.resize(query.outputs.size());
  for (std::size_t i = 0; i < layout_.written_memory(); ++i) {
    output_layouts[i] = input_layouts[layout_.input_of_output(i)];
  }
}

void UpdateKernel::set_ranges(BoundUpdate& state, const KernelArgs& args) const {
  std::vector<FlatRange> ranges;
  for (std::size_t i = 0; i < layout_.count; ++i) {
    FlatRange range;
    range.parameter = static_cast<std::byte*>(args.outputs[layout_.written_parameter(i)]);
    range.gradient = static_cast<const std::byte*>(args.inputs[layout_.gradient(i)]);
    for (std::size_t s = 0; s < layout_.states; ++s) {
      range.states[s] = static_cast<std::byte*>(args.outputs[layout_.written_state(s, i)]);
    }
    range.elements = elements_[i];
    range.group = group_of_[i];
    ranges.push_back(range);
  }
  for (std::size_t c = 0; c < layout_.copy_of.size(); ++c) {
    ranges[static_cast<std::size_t>(layout_.copy_of[c])].copy =
        static_cast<std::byte*>(args.outputs[layout_.written_copy(c)]);
  }
  const auto bytes = static_cast<std::int64_t>(element_bytes_);
  if (merge_) {
    merge_flat_ranges(ranges, bytes, over_padding_);
  }
  state.chunk_begin = {0};
  for (const FlatRange& range : ranges) {
    for (std::int64_t begin = 0; begin < range.elements; begin += chunk_) {
      FlatRange part = range;
      part.parameter += begin * bytes;
      part.gradient += begin * bytes;
      for (std::size_t s = 0; s < layout_.states; ++s) {
        part.states[s] += begin * bytes;
      }
      part.copy = range.copy == nullptr ? nullptr : range.copy + begin * 2;
      part.elements = std::min(chunk_, range.elements - begin);
      state.chunks.push_back(part);
    }
    state.chunk_begin.push_back(state.chunks.size());
  }
}

UpdateScalars UpdateKernel::scalars_of(const KernelArgs& args) const {
  UpdateScalars scalars;
  scalars.rates = static_cast<const double*>(args.inputs[UpdateLayout::kRates]);
  scalars.steps = static_cast<const std::int64_t*>(args.inputs[UpdateLayout::kStep]);
  const void* scale = args.inputs[UpdateLayout::kScale];
  if (scale_type_ == DType::kFloat32) {
    scalars.scale = static_cast<const float*>(scale);
  } else if (scale_type_ == DType::kFloat64) {
    scalars.wide_scale = static_cast<const double*>(scale);
  }
  if (has_memory_) {
    scalars.memory = static_cast<double*>(args.outputs[layout_.written_memory()]);
  }
  scalars.groups = static_cast<std::int64_t>(groups_);
  scalars.phases = static_cast<std::int64_t>(phases_);
  scalars.slots = rate_slots_;
  scalars.signs = sign_.data();
  scalars.rate_factors = rate_factor_.data();
  return scalars;
}

}  // namespace temper
