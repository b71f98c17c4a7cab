// The persistent values of a run: parameters, statistics, optimizer state, step scalars. One store
// is shared by several plans (training, evaluation). Variables of one flat group lie in one buffer,
// in the order they were added, each 64-byte aligned, so groups with equal members (parameters and
// their moments) have equal offsets. The buffers may lie on a device: whoever is no kernel reads
// and writes by the operations here, which come after all work queued on the store's stream.
// Threading: as a pointer; a plan that runs is alone.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/variable_identity.h"
#include "runtime/memory/device_memory.h"
#include "runtime/memory/plain_pieces.h"
#include "runtime/memory/tensor.h"

namespace temper {

struct StoreVariable {
  std::string name;  // a label; of the model's tensors the file's
  DType dtype = DType::kFloat32;
  Shape shape;
  Layout layout;
  std::string flat_group;     // empty: a buffer of its own
  VariableIdentity identity;  // which it is; `of`: the id of a variable of this store
  std::string part = {};      // of what belongs to another one: what it is of it, "exp_avg"

  bool is(VariableKind kind) const { return identity.kind == kind; }
};

class VariableStore {
 public:
  // In the host's memory.
  VariableStore() : VariableStore(host_memory(), host_stream()) {}
  // Both outlive the store.
  VariableStore(DeviceMemory& memory, Stream& stream) : memory_(&memory), stream_(&stream) {}

  // REQUIRES: before allocate(); no variable of this identity is there, nor a tensor of the model
  // with the name of this one.
  int add(StoreVariable variable);
  // Makes the buffers, zeroed, one flat group after the other; `ready` is called with each variable
  // as soon as it has its memory. THROWS: kOutOfMemory.
  void allocate(const std::function<void(int)>& ready = {});
  // Gives up the memory of a variable that nothing reads any more: that of a flat group is free
  // once all its variables are released.
  void release(int id) { tensors_[static_cast<std::size_t>(id)] = Tensor{}; }
  bool allocated() const { return allocated_; }

  int count() const { return static_cast<int>(variables_.size()); }
  int find(const VariableIdentity& identity) const;  // -1: none; so below
  // Scalar `role` of a model.
  int find(ScalarRole role, int model = 0) const {
    return find(VariableIdentity::of_scalar(role, model));
  }
  // A tensor of the model by its name, for files and messages.
  int find(std::string_view name) const;
  const StoreVariable& variable(int id) const { return variables_[static_cast<std::size_t>(id)]; }
  // What allocate() takes, or took.
  std::int64_t bytes() const;
  // Of one variable, padding included.
  std::int64_t bytes(int id) const;
  DeviceMemory& memory() const { return *memory_; }
  Stream& stream() const { return *stream_; }

  // The logical elements, as a new plain tensor of the host.
  Tensor get(int id) const;
  // Sets the logical elements (converted to the variable's dtype); padding becomes zero.
  // THROWS: kInvalidModel when the shape differs, naming the variable.
  void set(int id, const Tensor& value);
  // The same byte by byte in the variable's own layout, padding included.
  Tensor get_stored(int id) const;
  void set_stored(int id, const Tensor& value);
  // The same to read at once, without a copy where the store is in the host's memory.
  const Tensor look_at(int id) const;

  // The first element, converted. Allocates nothing.
  template <class T>
  T get_scalar(int id) const;
  template <class T>
  void set_scalar(int id, T value);
  // Elements from `first` on. REQUIRES: a plain variable of this very type, with room for them.
  template <class T>
  void set_range(int id, std::int64_t first, std::span<const T> values);

  // Between variables of equal dtype, shape and layout.
  void copy(int from, int to);
  void swap(int a, int b);
  void zero(int id);

  // Grows with every change of a tensor of the model or its teacher, by the operations above or by
  // a plan that writes variables.
  std::uint64_t changes() const { return changes_; }

  // Whether all logical elements are finite.
  bool all_finite(int id) const;
  // Calls `take` with the bytes of get(), about a megabyte at a time. Where the store is in the
  // host's memory, several threads may do so.
  void for_each_plain_piece(int id, const TakePiece& take) const;
  // The same as something to be asked later; the store outlives it.
  PlainValue pieces(int id) const;
  // Sets the logical elements to what `give` fills in, about a megabyte at a time; padding becomes
  // zero. Threads as above, each with variables of its own.
  void fill(int id, const GivePiece& give);

 private:
  friend class Executor;  // gives kernels the addresses, and notes what they write
  void note_change(int id);
  std::byte* address(int id) const;
  void require_equal(int a, int b) const;
  void read_first(int id, void* element) const;
  void write_bytes(int id, std::size_t offset, const void* from, std::size_t bytes);
  bool for_each_stored_piece(int id,
                             const std::function<bool(std::span<const std::byte>)>& take) const;

  DeviceMemory* memory_;
  Stream* stream_;
  std::vector<StoreVariable> variables_;
  std::map<VariableIdentity, int> by_identity_;
  std::map<std::string, int, std::less<>> by_name_;  // of the model's tensors
  std::vector<Tensor> tensors_;                      // in the variables' own layouts
  bool allocated_ = false;
  std::uint64_t changes_ = 0;
};

template <class T>
T VariableStore::get_scalar(int id) const {
  return visit_any(variable(id).dtype, [&]<class D>() {
    D element;
    read_first(id, &element);
    return convert_element<T>(element);
  });
}

template <class T>
void VariableStore::set_scalar(int id, T value) {
  visit_any(variable(id).dtype, [&]<class D>() {
    const D element = convert_element<D>(value);
    write_bytes(id, 0, &element, sizeof element);
  });
}

template <class T>
void VariableStore::set_range(int id, std::int64_t first, std::span<const T> values) {
  TEMPER_ASSERT(kDTypeOf<T> == variable(id).dtype && variable(id).layout.plain, "a range of ",
                variable(id).dtype, " asked as ", kDTypeOf<T>);
  write_bytes(id, static_cast<std::size_t>(first) * sizeof(T), values.data(), values.size_bytes());
}

}  // namespace temper
