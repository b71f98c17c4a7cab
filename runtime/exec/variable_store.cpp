#include "runtime/exec/variable_store.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "runtime/base/alignment.h"
#include "runtime/base/error.h"
#include "runtime/base/low_copy.h"
#include "runtime/memory/finite_values.h"
#include "runtime/memory/plain_pieces.h"

namespace temper {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

std::size_t room_of(const StoreVariable& variable) {
  const auto bytes =
      static_cast<std::size_t>(storage_bytes(variable.dtype, variable.shape, variable.layout));
  return aligned_bytes(bytes);
}

// After all that changes a variable: a copy that belongs to it (low_copy.h) takes its value, once
// it has memory.
void follow(VariableStore& store, const std::vector<Tensor>& tensors, int changed) {
  const int copy = store.find(low_copy_of(changed));
  if (copy >= 0 && tensors[static_cast<std::size_t>(copy)].defined()) {
    store.set(copy, store.look_at(changed));
  }
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

void VariableStore::allocate(const std::function<void(int)>& ready) {
  struct Group {
    std::vector<int> members;
    std::vector<std::size_t> offsets;
    std::size_t bytes = 0;
  };
  std::map<std::pair<std::string, int>, Group> groups;  // by name, or none and the one variable
  for (int i = 0; i < count(); ++i) {
    const std::string& name = variable(i).flat_group;
    Group& group = groups[{name, name.empty() ? i : -1}];
    group.members.push_back(i);
    group.offsets.push_back(group.bytes);
    group.bytes += room_of(variable(i));
  }
  tensors_.resize(variables_.size());
  allocated_ = true;
  for (const auto& [key, group] : groups) {
    const std::string label =
        key.second < 0 ? "group " + key.first : "variable " + variable(key.second).name;
    const auto buffer = Buffer::allocate(group.bytes, label.c_str(), *memory_);
    for (std::size_t i = 0; i < group.members.size(); ++i) {
      const int id = group.members[i];
      const StoreVariable& member = variable(id);
      tensors_[static_cast<std::size_t>(id)] =
          Tensor(member.dtype, member.shape, member.layout, buffer, group.offsets[i]);
      if (ready) {
        ready(id);
      }
    }
  }
  for (int i = 0; i < count() && ready; ++i) {
    follow(*this, tensors_, i);  // `ready` may have set a parameter before its copy was there
  }
}

std::int64_t VariableStore::bytes() const {
  std::int64_t sum = 0;
  for (const StoreVariable& variable : variables_) {
    sum += static_cast<std::int64_t>(room_of(variable));
  }
  return sum;
}

std::int64_t VariableStore::bytes(int id) const {
  const StoreVariable& asked = variable(id);
  return storage_bytes(asked.dtype, asked.shape, asked.layout);
}

int VariableStore::find(const VariableIdentity& identity) const {
  const auto it = by_identity_.find(identity);
  return it == by_identity_.end() ? -1 : it->second;
}

int VariableStore::find(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? -1 : it->second;
}

void VariableStore::note_change(int id) {
  if (variable(id).identity.is_of_model() || variable(id).is(VariableKind::kTeacher)) {
    std::atomic_ref(changes_).fetch_add(1, std::memory_order_relaxed);  // threads fill a store
  }
  follow(*this, tensors_, id);
}

std::byte* VariableStore::address(int id) const {
  return tensors_[static_cast<std::size_t>(id)].address();
}

Tensor VariableStore::get_stored(int id) const {
  const StoreVariable& asked = variable(id);
  Tensor stored(asked.dtype, asked.shape, asked.layout, "a variable's value");
  memory_->copy_out(stored.data(), address(id), static_cast<std::size_t>(bytes(id)), *stream_);
  stream_->wait_all();
  return stored;
}

const Tensor VariableStore::look_at(int id) const {
  return memory_->is_host() ? tensors_[static_cast<std::size_t>(id)] : get_stored(id);
}

Tensor VariableStore::get(int id) const {
  if (memory_->is_host()) {
    return tensors_[static_cast<std::size_t>(id)].to_plain();
  }
  Tensor stored = get_stored(id);
  return stored.layout().plain ? stored : stored.to_plain();
}

void VariableStore::set_stored(int id, const Tensor& value) {
  const StoreVariable& target = variable(id);
  TEMPER_ASSERT(value.dtype() == target.dtype && value.shape() == target.shape &&
                    value.layout() == target.layout,
                "variable ", target.name, " is stored in another form");
  write_bytes(id, 0, value.data(), static_cast<std::size_t>(bytes(id)));
}

void VariableStore::set(int id, const Tensor& value) {
  const StoreVariable& target = variable(id);
  TEMPER_CHECK(value.shape() == target.shape, ErrorCode::kInvalidModel, "variable '", target.name,
               "' has the shape ", target.shape, ", the value given ", value.shape());
  if (!memory_->is_host()) {
    if (value.dtype() == target.dtype && value.layout() == target.layout &&
        !has_padding(target.shape, target.layout)) {
      set_stored(id, value);
      return;
    }
    Tensor staged(target.dtype, target.shape, target.layout, "a variable's value");
    copy_elements(value, staged);
    set_stored(id, staged);
    return;
  }
  Tensor& tensor = tensors_[static_cast<std::size_t>(id)];
  if (has_padding(target.shape, target.layout)) {
    std::memset(tensor.data(), 0, static_cast<std::size_t>(tensor.bytes()));
  }
  copy_elements(value, tensor);
  note_change(id);
}

void VariableStore::read_first(int id, void* element) const {
  memory_->copy_out(element, address(id), size_of(variable(id).dtype), *stream_);
  stream_->wait_all();
}

void VariableStore::write_bytes(int id, std::size_t offset, const void* from, std::size_t count) {
  TEMPER_ASSERT(offset + count <= static_cast<std::size_t>(bytes(id)), "bytes ", offset, " to ",
                offset + count, " of variable ", variable(id).name, ", which has ", bytes(id));
  memory_->copy_in(address(id) + offset, from, count, *stream_);
  note_change(id);
}

void VariableStore::require_equal(int a, int b) const {
  const StoreVariable &x = variable(a), &y = variable(b);
  TEMPER_ASSERT(x.dtype == y.dtype && x.shape == y.shape && x.layout == y.layout, "variables ",
                x.name, " and ", y.name, " are stored in different forms");
}

void VariableStore::copy(int from, int to) {
  require_equal(from, to);
  if (from != to) {
    memory_->copy_within(address(to), address(from), static_cast<std::size_t>(bytes(from)),
                         *stream_);
    note_change(to);
  }
}

void VariableStore::swap(int a, int b) {
  require_equal(a, b);
  const auto size = static_cast<std::size_t>(bytes(a));
  std::byte *x = address(a), *y = address(b);
  if (memory_->is_host()) {
    std::swap_ranges(x, x + size, y);
    note_change(a);
    note_change(b);
    return;
  }
  const auto spare = Buffer::allocate(std::min(size, kPieceBytes), "a swap", *memory_);
  for (std::size_t at = 0; at < size; at += kPieceBytes) {
    const std::size_t piece = std::min(kPieceBytes, size - at);
    memory_->copy_within(spare->address(), x + at, piece, *stream_);
    memory_->copy_within(x + at, y + at, piece, *stream_);
    memory_->copy_within(y + at, spare->address(), piece, *stream_);
  }
  stream_->wait_all();  // the spare memory goes
  note_change(a);
  note_change(b);
}

void VariableStore::zero(int id) {
  memory_->zero(address(id), static_cast<std::size_t>(bytes(id)), *stream_);
  note_change(id);
}

// Storage order; stops when `take` says no.
bool VariableStore::for_each_stored_piece(
    int id, const std::function<bool(std::span<const std::byte>)>& take) const {
  const auto size = static_cast<std::size_t>(bytes(id));
  const std::byte* from = address(id);
  if (memory_->is_host()) {
    return size == 0 || take({from, size});
  }
  const auto staged =
      memory_->make_host_buffer(std::min(size, kPieceBytes), "a piece of a variable");
  for (std::size_t at = 0; at < size; at += kPieceBytes) {
    const std::size_t piece = std::min(kPieceBytes, size - at);
    memory_->copy_out(staged->data(), from + at, piece, *stream_);
    stream_->wait_all();
    if (!take({staged->data(), piece})) {
      return false;
    }
  }
  return true;
}

bool VariableStore::all_finite(int id) const {
  const StoreVariable& asked = variable(id);
  const std::size_t element = size_of(asked.dtype);
  const bool stored = for_each_stored_piece(id, [&](std::span<const std::byte> piece) {
    return temper::all_finite(asked.dtype, piece.data(),
                              static_cast<std::int64_t>(piece.size() / element));
  });
  if (stored || asked.layout.plain) {
    return stored;
  }
  const Tensor plain = get(id);  // what lies between the elements says nothing
  return temper::all_finite(asked.dtype, plain.data(), plain.element_count());
}

void VariableStore::for_each_plain_piece(int id, const TakePiece& take) const {
  if (memory_->is_host()) {
    temper::for_each_plain_piece(tensors_[static_cast<std::size_t>(id)], take);
  } else if (!variable(id).layout.plain) {
    temper::for_each_plain_piece(get_stored(id), take);
  } else {
    for_each_stored_piece(id, [&](std::span<const std::byte> piece) {
      take(piece);
      return true;
    });
  }
}

PlainValue VariableStore::pieces(int id) const {
  return {variable(id).dtype, variable(id).shape,
          [this, id](const TakePiece& take) { for_each_plain_piece(id, take); }};
}

void VariableStore::fill(int id, const GivePiece& give) {
  if (memory_->is_host()) {
    fill_from_plain_pieces(tensors_[static_cast<std::size_t>(id)], give);
    note_change(id);
    return;
  }
  const StoreVariable& target = variable(id);
  if (!target.layout.plain) {
    Tensor staged(target.dtype, target.shape, target.layout, "a variable's value");
    fill_from_plain_pieces(staged, give);
    set_stored(id, staged);
    return;
  }
  const auto size = static_cast<std::size_t>(bytes(id));
  const auto staged = memory_->make_host_buffer(std::min(size, kPieceBytes), "a piece of a value");
  for (std::size_t at = 0; at < size; at += kPieceBytes) {
    const std::size_t piece = std::min(kPieceBytes, size - at);
    give({staged->data(), piece});
    memory_->copy_in(address(id) + at, staged->data(), piece, *stream_);
  }
  note_change(id);
}

}  // namespace temper
