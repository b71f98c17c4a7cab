#include "backends/host/update_kernel.h"

#include "runtime/base/error.h"

namespace temper {

std::vector<std::string> update_states(const Attrs& attrs) {
  const AttrValue* value = attrs.find("states");
  const auto* names = value == nullptr ? nullptr : std::get_if<std::vector<std::string>>(value);
  return names == nullptr ? std::vector<std::string>{} : *names;
}

Support supports_update(const OpQuery& query, bool also_double) {
  const auto count = static_cast<std::size_t>(query.attrs->get_int("count", 0));
  const std::size_t end = kUpdateScalars + count * (2 + update_states(*query.attrs).size());
  for (std::size_t i = kUpdateScalars; i < end; ++i) {
    const DType dtype = query.inputs[i].dtype;
    if (dtype != query.inputs[kUpdateScalars].dtype ||
        (dtype != DType::kFloat32 && !(also_double && dtype == DType::kFloat64))) {
      return Support::no(concat("input ", i, " is ", dtype,
                                also_double ? ", not all f32 or all f64" : ", not f32"));
    }
  }
  return Support::yes();
}

UpdateKernel::UpdateKernel(const OpQuery& query, std::vector<std::string> parameters,
                           std::int64_t chunk, bool merge)
    : states_(update_states(*query.attrs).size()),
      count_(static_cast<std::size_t>(query.attrs->get_int("count", 0))),
      element_bytes_(size_of(query.inputs[kUpdateScalars].dtype)),
      rate_slots_(query.inputs[1].shape[1]),
      chunk_(chunk),
      scale_type_(query.inputs[3].dtype),
      merge_(merge) {
  phases_ = static_cast<std::size_t>(query.inputs[2].shape.element_count());
  read_groups(*query.attrs, parameters);
  take_layouts(query);
  const std::size_t tensors = kUpdateScalars + count_ * (2 + states_);
  memory_input_ = query.inputs.size() > tensors ? tensors : 0;
  kept_bytes = (static_cast<std::size_t>(total_ / chunk_) + count_) * sizeof(FlatRange);
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
  const std::size_t end = kUpdateScalars + count_ * (2 + states_);
  input_layouts.resize(query.inputs.size());
  for (std::size_t i = kUpdateScalars; i < end; ++i) {
    const TensorSpec& p = query.inputs[kUpdateScalars + (i - kUpdateScalars) % count_];
    input_layouts[i] = p.layout;
    if (i < kUpdateScalars + count_) {
      elements_.push_back(storage_elements(p.shape, p.layout));
      total_ += elements_.back();
    }
  }
  output_layouts.resize(query.outputs.size());
  for (std::size_t i = 0; i < count_ * (1 + states_); ++i) {
    output_layouts[i] = query.inputs[kUpdateScalars + i % count_].layout;
  }
}

void UpdateKernel::set_ranges(BoundUpdate& state, const KernelArgs& args) const {
  std::vector<FlatRange> ranges;
  for (std::size_t i = 0; i < count_; ++i) {
    const auto output = [&](std::size_t set) {
      return static_cast<std::byte*>(args.outputs[set * count_ + i]);
    };
    FlatRange range;
    range.parameter = output(0);
    range.gradient = static_cast<const std::byte*>(args.inputs[kUpdateScalars + count_ + i]);
    for (std::size_t s = 0; s < states_; ++s) {
      range.states[s] = output(1 + s);
    }
    range.elements = elements_[i];
    range.group = group_of_[i];
    ranges.push_back(range);
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
      for (std::size_t s = 0; s < states_; ++s) {
        part.states[s] += begin * bytes;
      }
      part.elements = std::min(chunk_, range.elements - begin);
      state.chunks.push_back(part);
    }
    state.chunk_begin.push_back(state.chunks.size());
  }
}

UpdateStep UpdateKernel::step_of(const KernelArgs& args, std::size_t group) const {
  UpdateStep made;
  const auto* steps = static_cast<const std::int64_t*>(args.inputs[2]);
  made.step = steps[group % phases_];
  if (memory_input_ > 0) {
    made.memory = static_cast<double*>(args.outputs[count_ * (1 + states_)]) + group;
  }
  group /= phases_;
  const auto slot = static_cast<std::size_t>(steps[0] % rate_slots_);
  const auto slots = static_cast<std::size_t>(rate_slots_);
  const auto* rates = static_cast<const double*>(args.inputs[1]);
  made.rate = rates[group * slots + slot] * rate_factor_[group];
  made.momentum = rates[(groups_ + group) * slots + slot];
  made.scale = sign_[group];
  if (scale_type_ == DType::kFloat32) {
    made.scale *= static_cast<double>(*static_cast<const float*>(args.inputs[3]));
  } else if (scale_type_ == DType::kFloat64) {
    made.scale *= *static_cast<const double*>(args.inputs[3]);
  }
  return made;
}

}  // namespace temper
