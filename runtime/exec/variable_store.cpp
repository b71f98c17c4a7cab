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
  VariableIdentity& identity = variable.identity;
  identity.slot = identity.slot < 0 ? id : identity.slot;
  const bool fresh = by_identity_.emplace(identity, id).second &&
                     (!identity.is_of_model() || by_name_.emplace(variable.name, id).second);
  TEMPER_ASSERT(fresh, "variable ", variable.name, " is in the store already");
  variables_.push_back(std::move(variable));
  return id;
}

void VariableStore::allocate() {
  using Group = std::pair<std::string, int>;  // its name, or none and the one variable
  std::map<Group, std::size_t> group_bytes;
  std::vector<std::size_t> offsets;
  std::vector<Group> groups;
  for (const StoreVariable& variable : variables_) {
    const bool alone = variable.flat_group.empty();
    groups.emplace_back(variable.flat_group, alone ? static_cast<int>(groups.size()) : -1);
    std::size_t& end = group_bytes[groups.back()];
    offsets.push_back(end);
    end += aligned_bytes(variable);
  }
  std::map<Group, std::shared_ptr<Buffer>> buffers;
  for (const auto& [group, bytes] : group_bytes) {
    const std::string label =
        group.second < 0 ? "group " + group.first : "variable " + variable(group.second).name;
    buffers[group] = Buffer::allocate(bytes, label.c_str());
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

int VariableStore::find(const VariableIdentity& identity) const {
  const auto it = by_identity_.find(identity);
  return it == by_identity_.end() ? -1 : it->second;
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
