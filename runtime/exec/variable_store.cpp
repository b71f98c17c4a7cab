#include "runtime/exec/variable_store.h"

#include <cstring>
#include <utility>

#include "runtime/base/error.h"

namespace temper {
namespace {

std::size_t aligned_bytes(const StoreVariable& variable) {
  const auto bytes =
      static_cast<std::size_t>(storage_bytes(variable.dtype, variable.shape, variable.layout));
  return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

}  // namespace

int VariableStore::add(StoreVariable variable) {
  TEMPER_ASSERT(!allocated_, "variable ", variable.name, " was added after allocation");
  const int id = count();
  const bool fresh = by_name_.emplace(variable.name, id).second;
  TEMPER_ASSERT(fresh, "variable ", variable.name, " is in the store already");
  variables_.push_back(std::move(variable));
  return id;
}

void VariableStore::allocate() {
  std::map<std::string, std::size_t> group_bytes;
  std::vector<std::size_t> offsets;
  std::vector<std::string> groups;
  for (const StoreVariable& variable : variables_) {
    groups.push_back(variable.flat_group.empty() ? "variable " + variable.name
                                                 : "group " + variable.flat_group);
    std::size_t& end = group_bytes[groups.back()];
    offsets.push_back(end);
    end += aligned_bytes(variable);
  }
  std::map<std::string, std::shared_ptr<Buffer>> buffers;
  for (const auto& [name, bytes] : group_bytes) {
    buffers[name] = Buffer::allocate(bytes, name.c_str());
  }
  for (std::size_t i = 0; i < variables_.size(); ++i) {
    const StoreVariable& variable = variables_[i];
    tensors_.emplace_back(variable.dtype, variable.shape, variable.layout, buffers[groups[i]],
                          offsets[i]);
  }
  allocated_ = true;
}

std::int64_t VariableStore::bytes() const {
  std::int64_t sum = 0;
  for (const StoreVariable& variable : variables_) {
    sum += static_cast<std::int64_t>(aligned_bytes(variable));
  }
  return sum;
}

int VariableStore::find(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? -1 : it->second;
}

void VariableStore::set(int id, const Tensor& value) {
  Tensor& target = tensor(id);
  TEMPER_CHECK(value.shape() == target.shape(), ErrorCode::kInvalidModel, "variable '",
               variable(id).name, "' has the shape ", target.shape(), ", the value given ",
               value.shape());
  if (has_padding(target.shape(), target.layout())) {
    std::memset(target.data(), 0, static_cast<std::size_t>(target.bytes()));
  }
  copy_elements(value, target);
}

}  // namespace temper
